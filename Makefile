# devops-lab: `make report` and `make test` suffice on a machine with git, make and python3 (3.11 to 3.13).
SHELL := /bin/bash
PYTHON ?= python3
UV := .venv/uv/bin/uv
LAB := .venv/bin/devops-lab
export UV_PYTHON ?= $(PYTHON)
export UV_PYTHON_DOWNLOADS = never
.DEFAULT_GOAL := help
.PHONY: help setup report test lint bench catalogue

help:  ## what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  make report GIT=path/to/clone     any local repository;   make report REPO=owner/name     any on GitHub (GITHUB_TOKEN)"

setup: .venv/ready  ## install everything into .venv

report: .venv/ready  ## a DORA report: of this checkout, GIT=path/to/clone, or REPO=owner/name; ARGS="-p last='1 year'"
	@.venv/bin/python -m devops_lab.cli quick $(if $(GIT),--git "$(GIT)") $(if $(REPO),--repository "$(REPO)") $(ARGS)

test: .venv/ready  ## all tests; those that need the real data, a server or a browser say why they skip
	.venv/bin/python -m pytest $(ARGS)

lint: .venv/ready  ## ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: .venv/ready  ## ratios of speed within one run; LAB_DATA is the folder of the real data
	.venv/bin/python tests/bench.py $(ARGS)

.venv/ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11 to 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 …"; exit 2; }
	@test -x $(UV) || { $(PYTHON) -m venv .venv/uv 2>/dev/null || $(PYTHON) -m venv --without-pip .venv/uv; } && \
	  { test -x $(UV) || .venv/uv/bin/python -m pip install --quiet uv; }
	@test -x .venv/bin/python || $(UV) venv --quiet --allow-existing .venv
	$(UV) sync --frozen --quiet
	@touch $@
