# devops-lab: `make report` and `make test` suffice on a machine with git, make and python3 (3.11 to 3.13).
SHELL := /bin/bash
PYTHON ?= python3
UV := .venv/uv/bin/uv
export UV_PYTHON ?= $(PYTHON)
export UV_PYTHON_DOWNLOADS = never
.DEFAULT_GOAL := help
# What a person waits for on a page is measured with the machine to itself: the panels' browser tests come first, alone.
PANELS = tests/browser/test_panel_in_browser.py tests/browser/test_panel_security.py
ALONE = .venv/bin/python -m pytest -n 0 $(PANELS)
.PHONY: help setup report practice panel test lint bench

help:  ## what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  make report GIT=path/to/clone     any local repository;   make report REPO=owner/name     any on GitHub (GITHUB_TOKEN)"

setup: .venv/ready  ## install everything into .venv

report: .venv/ready  ## a DORA report: of a made-up company, GIT=path/to/clone, or REPO=owner/name; ARGS="-p last='1 year'"
	@.venv/bin/devops-lab report $(if $(REPO),--repository "$(REPO)",$(if $(GIT),--git "$(GIT)",--practice)) $(ARGS)

practice: .venv/ready  ## a made-up company on this machine: GitHub, pipelines, Prometheus; `make practice ARGS=down` ends it
	@.venv/bin/devops-lab practice $(or $(ARGS),up)

panel: .venv/ready  ## the trigger panel as a page, driving the made-up company's pipelines; ARGS="--config lab.toml" drives your own
	@.venv/bin/devops-lab panel $(or $(ARGS),--practice)

test: .venv/ready  ## all tests; those that need the real data, a server or a browser say why they skip
	@$(if $(ARGS),true,$(ALONE) || { echo "once more, what failed in the browser:"; $(ALONE) --last-failed; })
	.venv/bin/python -m pytest $(or $(ARGS),$(PANELS:%=--ignore=%))

lint: .venv/ready  ## ruff and mypy; notebooks hold no outputs and nothing of a machine
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/devops-lab notebooks clean --check notebooks

bench: .venv/ready  ## speed as ratios within one run, and how right the statistics are; LAB_DATA is the real data's folder
	.venv/bin/python tests/bench.py $(ARGS)
	.venv/bin/python tests/prometheus_bench.py
	.venv/bin/python tests/impact_bench.py
	.venv/bin/python tests/coverage_bench.py
	.venv/bin/python tests/grades_bench.py
	.venv/bin/python tests/reports_bench.py --services 8

# uv comes from PyPI: through venv and pip where Python has them, else (bare Debian) its wheel by hand, checked.
define BOOTSTRAP
import hashlib, json, platform, sys, urllib.request, zipfile, io, pathlib
index = urllib.request.Request("https://pypi.org/simple/uv/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
files = json.load(urllib.request.urlopen(index))["files"]
system = {"Linux": "manylinux", "Darwin": "macosx"}[platform.system()]
machine = {"AMD64": "x86_64", "arm64": "arm64" if system == "macosx" else "aarch64"}.get(platform.machine(), platform.machine())
wheels = [f for f in files if f["filename"].endswith(".whl") and system in f["filename"] and machine in f["filename"]]
stable = [f for f in wheels if f["filename"].split("-")[1].replace(".", "").isdigit()]
file = max(stable, key=lambda f: [int(part) for part in f["filename"].split("-")[1].split(".")])
wheel = urllib.request.urlopen(file["url"]).read()
assert hashlib.sha256(wheel).hexdigest() == file["hashes"]["sha256"], "the wheel of uv is not what PyPI says it is"
archive = zipfile.ZipFile(io.BytesIO(wheel))
name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
target = pathlib.Path(sys.argv[1]); target.parent.mkdir(parents=True, exist_ok=True)
target.write_bytes(archive.read(name)); target.chmod(0o755)
endef
export BOOTSTRAP

.venv/ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11 to 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 …"; exit 2; }
	@echo "setting up .venv (once) …"
	@test -x $(UV) || { $(PYTHON) -m venv .venv/uv >/dev/null 2>&1 && .venv/uv/bin/python -m pip install --quiet uv; } || \
	  $(PYTHON) -c "$$BOOTSTRAP" $(UV)
	@test -x .venv/bin/python || $(UV) venv --quiet --allow-existing .venv
	@$(UV) sync --frozen --quiet $(SYNC)
	@! git rev-parse --git-dir >/dev/null 2>&1 || .venv/bin/devops-lab notebooks clean --install notebooks
	@touch $@
