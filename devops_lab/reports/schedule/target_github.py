"""GitHub Actions: a workflow whose machines start empty.

The store and the reports lie under a ref of their own, which is no branch: no clone fetches it, no workflow is started
by it.  It is one commit without a past, pushed with a lease, so two runs never both write; and pushed before each
message, so that a machine that dies leaves the record of what it was sending.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from devops_lab.config import Settings
from devops_lab.reports.batch import OUTPUT
from devops_lab.reports.schedule import instants
from devops_lab.reports.schedule.hands import utc_now
from devops_lab.reports.schedule.installing import Plan, secrets

REF = "refs/devops-lab/store"
AGAIN = "23 6 * * *"  # once a day besides: what failed is tried again, and the alerts are looked at
OWN_TOKENS = ("GITHUB_TOKEN", "DEVOPS_LAB_ACTIONS_TOKEN")
WORKFLOW = """# Written by `devops-lab schedule install --target github-actions`.
name: Reports

on:
  schedule:
{crons}
  workflow_dispatch:

permissions:
  contents: write
{issues}
concurrency:
  group: devops-lab-schedule
  cancel-in-progress: false

jobs:
  reports:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    env:
      LAB_FOLDER: {folder}
      LAB_CONFIG: {config}
      LAB_KEPT: {kept}
      LAB_REF: {ref}
{environment}
    steps:
      - name: Check out
        uses: actions/checkout@v4

      - name: Set up Python
        if: ${{{{ !env.ACT }}}}
        uses: actions/setup-python@v5
        with:
          python-version: "3.12"

      - name: Install
        run: command -v devops-lab || python3 -m pip install --quiet "devops-lab=={version}"

      - name: Bring back the store
        run: |
          set -euo pipefail
          cat > "${{RUNNER_TEMP:-/tmp}}/save-store" <<'SAVE'
          set -euo pipefail
          held="${{RUNNER_TEMP:-/tmp}}/store-commit"
          export GIT_INDEX_FILE="${{RUNNER_TEMP:-/tmp}}/store-index"
          export GIT_AUTHOR_NAME="DevOps Lab" GIT_AUTHOR_EMAIL=devops-lab@localhost
          export GIT_COMMITTER_NAME="DevOps Lab" GIT_COMMITTER_EMAIL=devops-lab@localhost
          rm -f "$GIT_INDEX_FILE"
          cd "$(git rev-parse --show-toplevel)/$LAB_FOLDER"
          for kept in $LAB_KEPT; do
            if [ -e "$kept" ]; then git add --force -- "$kept"; fi
          done
          commit="$(git commit-tree "$(git write-tree)" -m "The store and the reports")"
          git push --quiet --force-with-lease="$LAB_REF:$(cat "$held")" \\
            origin "$commit:$LAB_REF"
          echo "$commit" > "$held"
          SAVE
          held="$(git ls-remote origin "$LAB_REF" | cut -f1)"
          echo "$held" > "${{RUNNER_TEMP:-/tmp}}/store-commit"
          if [ -n "$held" ]; then
            git fetch --quiet --no-tags --depth=1 origin "$LAB_REF"
            git archive --format=tar "$held" | tar -x -C "$(git rev-parse --show-toplevel)"
          fi

      - name: Do what is due
        run: >-
          devops-lab schedule run --config "$LAB_FOLDER/$LAB_CONFIG" --wait 60
          --checkpoint "bash '${{RUNNER_TEMP:-/tmp}}/save-store'"

      - name: Save the store
        if: ${{{{ always() }}}}
        run: bash "${{RUNNER_TEMP:-/tmp}}/save-store"

      - name: Keep the reports
        if: ${{{{ always() && !env.ACT }}}}
        uses: actions/upload-artifact@v4
        with:
          name: reports
          path: {artifact}
          if-no-files-found: ignore
"""


def plan(settings: Settings, folder: Path | None) -> Plan:
    """Return the workflow file."""
    root = _root(settings.folder)
    path = (folder or root / ".github" / "workflows") / "devops-lab-reports.yml"
    inside = Path(os.path.relpath(settings.folder, root)).as_posix()
    kept = (
        [OUTPUT]
        if "://" in settings.store
        else [Path(os.path.relpath(settings.store, settings.folder)).as_posix(), OUTPUT]
    )
    lines = [*instants.of(settings, utc_now()), (AGAIN, "what failed, and the alerts")]
    issues = any(one.issue for one in settings.recipient)
    text = WORKFLOW.format(
        crons="\n".join(f"    - cron: {json.dumps(line)}  # {_plain(names)}" for line, names in lines),
        issues="  issues: write\n" if issues else "",
        folder=json.dumps(inside),
        config=json.dumps(settings.path.name),
        kept=json.dumps(" ".join(kept)),
        ref=REF,
        environment="\n".join(_secret(name) for name in secrets(settings)),
        version=version("devops-lab"),
        artifact=json.dumps(OUTPUT if inside == "." else f"{inside}/{OUTPUT}"),
    )
    own = [name for name in secrets(settings) if name not in OWN_TOKENS]
    wanted = f"Set the repository's secrets {', '.join(own)}. " if own else ""
    return Plan(
        {path: text},
        f"{wanted}The store will lie under {REF}: whoever reads the repository can read it. Then commit and "
        "push the file; the workflow can be started by hand, too.",
    )


def _secret(name: str) -> str:
    value = "github.token" if name in OWN_TOKENS else f"secrets.{name}"
    return f"      {name}: ${{{{ {value} }}}}"


def _plain(names: str) -> str:
    return " ".join(names.split())


def _root(folder: Path) -> Path:
    """Return the top of the git repository that a folder lies in; the folder itself where there is none."""
    if shutil.which("git") is None:
        return folder
    asked = ["git", "-C", str(folder), "rev-parse", "--show-toplevel"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return Path(found.stdout.strip()) if found.returncode == 0 and found.stdout.strip() else folder
