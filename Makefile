# Works from a bare checkout: Python 3.11 to 3.13 and make are all it needs. Nothing outside this folder is changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check lint format bench lock clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PYTHON ?=
ARGS ?=

# One more than there are cores, since tests wait too; four at most, since every worker has a PostgreSQL of its own.
PYTEST := $(BIN)/pytest --numprocesses=$$(($$(nproc) < 3 ? $$(nproc) + 1 : 4)) --dist=worksteal
TYPED := openlines core channels bot webhooks sandbox $(wildcard benchmarks/*.py) tests/servers tests/conftest.py tests/test_architecture.py

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: $(READY) ## make .venv with the locked requirements; other targets do it by themselves

demo: $(READY) ## a whole line on this machine: phones, managers' bot and clock in a page; no token, no account
	@$(BIN)/openlines demo $(ARGS)

test: $(READY) ## all tests, on SQLite and a real PostgreSQL; some only: make test ARGS="tests/telegram -k album"
	@$(PYTEST) $(ARGS)

check: lint test ## everything a change must pass: format, lint, types, imports, tests

lint: $(READY) ## check without the tests
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted. Mend with: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy $(TYPED)
	@$(BIN)/lint-imports

format: $(READY) ## format the sources and mend what can be mended by itself
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

bench: $(READY) ## measure: our figures beside the floor and the peers
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(READY) ## write requirements.lock anew from pyproject.toml; newer versions with ARGS=--upgrade
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra test --extra build \
	  --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock $(ARGS)

clean: ## remove .venv and what the tools have kept
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

# uv is installed by pip and checked against its hashes in the lock; it then makes the environment equal to the lock.
# The project itself is built with the hatchling of the lock, so nothing unpinned is ever downloaded.
$(READY): requirements.lock pyproject.toml
	@if [ -n "$(PYTHON)" ] || ! $(BIN)/python -c "$(SUPPORTED)" 2>/dev/null; then \
	  found=; \
	  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if $$python -c "$(SUPPORTED)" 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "openlines needs Python 3.11, 3.12 or 3.13 with the modules venv and ensurepip;" >&2; \
	    echo "$(or $(PYTHON),python3) here is: $$($(or $(PYTHON),python3) --version 2>&1)." >&2; \
	    echo "Debian and Ubuntu: apt install python3 python3-venv. Another one: make setup PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$($$found --version)"; \
	  $$found -m venv --clear $(VENV); \
	fi
	@awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@echo "$(PYTHON)" > $@

# Another Python was asked for than the one .venv was made with.
ifneq ($(PYTHON),)
ifneq ($(PYTHON),$(shell cat $(READY) 2>/dev/null))
.PHONY: $(READY)
endif
endif

SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
