"""The files of a repository at any commit: its workflows as they ran, a page about it, and a little source.

They do not change from commit to commit.  No workflow can be dispatched: nothing here could run it.
"""

from __future__ import annotations

from textwrap import dedent

from devops_lab.practice.world.building import RUNNERS
from devops_lab.practice.world.company import DEPLOYMENTS, PROMOTION, WORKFLOW, Plan
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.testing import cases
from devops_lab.practice.world.work import FILE_NAMES

UPLOAD = """\
      - uses: actions/upload-artifact@v4
        if: success() || failure()
        with:
          name: {name}
          path: junit.xml
          retention-days: 400
"""
CI = """\
name: CI
on:
  push:
    branches: [main, "release/*"]
  pull_request:
jobs:
  lint:
    runs-on: {lint}
    steps:
      - uses: actions/checkout@v4
      - name: Run lint
        run: make lint
  test:
    needs: lint
    runs-on: ${{{{ matrix.python == '3.13' && '{newest}' || 'ubuntu-latest' }}}}
    strategy:
      fail-fast: false
      matrix:
        python: ["3.12", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - name: Run test (${{{{ matrix.python }}}})
        run: make test
"""
PIPELINE = """\
name: {name}
on:
{events}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Run build
        run: make build
  test:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Run test
        run: make test
{upload}\
  deploy-{environment}:
    needs: test
    runs-on: ubuntu-latest
    environment: {environment}
    steps:
      - uses: actions/checkout@v4
      - name: Run deploy-{environment}
        run: make deploy-{environment}
"""
PUSHED, ASKED = "  push:\n    branches: [main]", "  repository_dispatch:\n    types: [deploy]"


class FileObjects:
    """Tells of the files of one repository."""

    def __init__(self, site: Site) -> None:
        self._shas = {one.sha for one in site.commits}
        self._files = _files(site.plan)

    def file(self, sha: str, path: str) -> bytes | list[str] | None:
        """Return a file's content, the names in a folder ("" is the root), or None where there is nothing."""
        path = path.strip("/")
        if sha not in self._shas:
            return None
        if path in self._files:
            return self._files[path].encode()
        inside = f"{path}/" if path else ""
        names = {one[len(inside) :].partition("/")[0] for one in self._files if one.startswith(inside)}
        return sorted(names) or None


def _files(plan: Plan) -> dict[str, str]:
    found = {
        "README.md": f"# {plan.name}\n\nThe {plan.name} of a company that was made up for practice.\n",
        "Makefile": "lint test build:\n\t./tools/$@\n",
        ".github/workflows/ci.yml": _ci(plan),
        "infra/main.tf": f'resource "service" "{plan.name}" {{\n  replicas = 2\n}}\n',
    }
    for service in plan.services:
        found |= {f"{service.folder}/{name}": _source(name) for name in FILE_NAMES}
        found[f"{service.folder}/Dockerfile"] = "FROM python:3.13-slim\nCOPY . /app\n"
    for case in cases(plan):
        found[case.file] = found.get(case.file, "") + f"def {case.name}():\n    assert 42 == 42\n"
    upload = UPLOAD.format(name="junit-${{ github.run_attempt }}")
    if plan.ships in (WORKFLOW, DEPLOYMENTS, PROMOTION):
        events = f"{PUSHED}\n{ASKED}" if plan.ships == WORKFLOW else ASKED
        found[".github/workflows/deploy.yml"] = PIPELINE.format(
            name="Deploy", events=events, upload=upload, environment="production"
        )
    if plan.ships == PROMOTION:
        found[".github/workflows/stage.yml"] = PIPELINE.format(
            name="Stage", events=PUSHED, upload=upload, environment="staging"
        )
    return found


def _ci(plan: Plan) -> str:
    lint = RUNNERS.get((plan.name, "lint"), "ubuntu-latest")
    newest = RUNNERS.get((plan.name, "test (3.13)"), "ubuntu-latest")
    return CI.format(lint=lint, newest=newest) + UPLOAD.format(
        name="junit-${{ matrix.python }}-${{ github.run_attempt }}"
    )


def _source(name: str) -> str:
    stem = name.removesuffix(".py")
    return dedent(f'''\
        """The {stem} of the service."""


        def {stem}(given: int) -> int:
            """Return what is asked for."""
            return given + 1
    ''')
