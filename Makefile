# Everything a person or CI does here. `make run` and `make test` set up what they need by themselves.
#   make run                  load a sample day with an attack in it, start everything, and stay up
#   make run ARGS="PATH..."   the same with your logs (files, folders, archives)
#   make test                 all tests          make check   style, types, import law, spelling
#   make bench                speeds and sizes   make docs    pages that are made from code
#   make samples              write the sample logs again from their seed
#   make lock                 renew the locked requirements

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
TESTS ?=
JOBS ?= 2

# The samples and your own logs are kept apart, so that the sample attack never mixes with real alerts.
DATA ?= $(if $(strip $(ARGS)),data/own,data/day)
DAY := data/day-logs
EVENTS ?= 200000

MIHARU = $(BIN)/miharu --data "$(DATA)"
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help install run test check bench docs samples picture lock clean

help:
	@sed -n '2,8s/^# *//p' Makefile

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "miharu needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Say which one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo 'Install python3-venv (on Debian and Ubuntu: sudo apt-get install python3-venv), then run make again.' >&2; exit 1; fi; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements.txt pyproject.toml
	$(PIP) install --quiet --require-hashes -r requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

install: $(VENV)/.run

# Exit code 3 of an import says that some records were kept as rejects: worth a note, no reason to stop.
run: $(VENV)/.run $(if $(strip $(ARGS)),,$(DATA)/.loaded)
	@$(if $(strip $(ARGS)),$(MIHARU) import $(ARGS) || [ $$? -eq 3 ],true)
	@exec $(MIHARU) serve

$(DATA)/.loaded: | $(VENV)/.run
	@rm -rf $(DAY) && $(BIN)/python -m bench.day $(DAY) --events $(EVENTS)
	@$(MIHARU) import $(DAY) || [ $$? -eq 3 ]
	@touch $@

$(VENV)/.counterparts: $(VENV)/.made tests/journey/counterparts.sh
	@tests/journey/counterparts.sh $(VENV)/counterparts
	@touch $@

test: $(VENV)/.dev $(VENV)/.counterparts
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: $(VENV)/.dev $(VENV)/.counterparts
	$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/.dev
	$(BIN)/python -m tests.house.pages

samples: $(VENV)/.dev
	$(BIN)/python -m bench.morning

picture: $(VENV)/.dev
	$(BIN)/python -m bench.picture

# Pins come from whatever index the machine is set up with; its address is not written down.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml

lock: $(VENV)/.dev
	$(COMPILE) --upgrade --extra build -o requirements.txt
	$(COMPILE) --extra build --extra dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf $(VENV) data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
