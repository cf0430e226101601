# SPDX-License-Identifier: Apache-2.0
# Needs Python 3.11+ with pip, and make.  Everything else lands in .tools, .venv and .stamps.
#
#   make demo     the whole story, from nothing; KEEP=1 leaves it up
#   make run      the authority for real, data in ./data
#   make check    linters, types, floors, architecture
#   make test     every test that pip alone can bring
#   make bench    the measurements, to bench/results
#   make docs     the generated reference
#   make mutate   mutants of the rules, the edge and the tokens (long; not in CI)

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV := .tools/bin/uv
JOBS ?= 2
MITMPROXY := $(CURDIR)/bench/results/.work/mitmproxy

export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
export UV_NO_CONFIG := 1
export UV_NO_PROGRESS := 1
export VIRTUAL_ENV := $(CURDIR)/.venv
# uv takes wheels from where pip would.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif

.PHONY: help setup demo run check check-lint check-format check-types check-floors check-dead \
	check-architecture test bench docs lock mutate clean

help:
	@sed -n 's/^#   \(make .*\)/  \1/p' Makefile

# --- set-up: a stamp per step, so that a warm run only compares times -----------------------------

.stamps/tools: requirements/tools.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say PYTHON=/path/to/it" >&2; exit 1; }
	@mkdir -p .stamps
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
		--root-user-action=ignore --no-deps --require-hashes --only-binary :all: \
		--upgrade --target .tools -r requirements/tools.txt
	@touch $@

.stamps/venv: .stamps/tools
	@test -x $(BIN)/python || $(UV) venv --quiet --no-project --python $(PYTHON) .venv
	@touch $@

# What the demo needs is a part of what the tests need: once those are there it asks for nothing.
.stamps/demo: requirements/demo.txt pyproject.toml | .stamps/venv
	@test .stamps/dev -nt requirements/dev.txt || \
		$(UV) pip install --quiet --require-hashes -r requirements/demo.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.stamps/dev: requirements/dev.txt pyproject.toml | .stamps/venv
	@$(UV) pip sync --quiet --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup: .stamps/dev

# --- use ------------------------------------------------------------------------------------------

demo: .stamps/demo
	@KEEP="$(KEEP)" $(BIN)/smartagent demo

run: .stamps/demo
	@$(BIN)/smartagent serve

# --- gates ----------------------------------------------------------------------------------------

check: .stamps/dev
	@$(MAKE) --no-print-directory -j$(JOBS) --output-sync=target --keep-going \
		check-types check-lint check-format check-floors check-dead check-architecture

check-lint: .stamps/dev
	$(BIN)/ruff check --quiet .

check-format: .stamps/dev
	$(BIN)/ruff format --quiet --check .

check-types: .stamps/dev
	$(BIN)/mypy

check-floors: .stamps/dev
	$(BIN)/lint-imports --config importlinter.toml --no-logo

check-dead: .stamps/dev
	$(BIN)/vulture

check-architecture: .stamps/dev
	$(BIN)/pytest -q tests/architecture

test: .stamps/dev
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup $(ARGS)

# mitmproxy is measured against, and cannot share our libraries' versions.
.stamps/bench: requirements/bench.txt | .stamps/tools
	@VIRTUAL_ENV= $(UV) venv --quiet --clear --no-project --python $(PYTHON) $(MITMPROXY)
	@VIRTUAL_ENV=$(MITMPROXY) $(UV) pip sync --quiet --require-hashes requirements/bench.txt
	@touch $@

bench: .stamps/dev .stamps/bench
	$(BIN)/python -m bench $(ARGS)

docs: .stamps/dev
	$(BIN)/python -m scripts.reference

mutate: .stamps/dev
	$(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut results

# New pins, from pyproject.toml.  No index address gets into the files.
lock: .stamps/tools
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --all-extras --group dev --group build -o requirements/dev.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --group demo --group build --constraint requirements/dev.txt -o requirements/demo.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --constraint requirements/dev.txt -o requirements/run.txt
	echo mitmproxy | VIRTUAL_ENV= $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header - -o requirements/bench.txt

clean:
	rm -rf .tools .venv .stamps .pytest_cache .mypy_cache .ruff_cache .import_linter_cache mutants
