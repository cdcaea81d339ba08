# `make` prints this page. Everything runs in .venv, which is made when it is missing.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Some containers forbid Python to keep what it compiled; each process a test starts would compile the house anew.
test cover: export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-deps cover check bench screenshots clean

help: ## this page
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/core: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(INSTALL) -e .
	@touch $@

.venv/dev: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(INSTALL) -e '.[dev]'
	@touch .venv/core $@

demo: .venv/core ## break a real service four times and watch it being repaired (YES=1 approves everything, KEEP=1 leaves it running)
	@$(BIN)/opsagent demo $(if $(YES),--yes) $(if $(KEEP),--keep)

serve: .venv/core ## start the server on 127.0.0.1:8080
	@$(BIN)/opsagent serve

test: .venv/dev ## run all tests; names each real server it misses and how to install it
	@$(BIN)/python tests/servers/found.py
	@$(BIN)/python -m pytest -n auto --dist worksteal --durations=25

cover: .venv/dev ## run all tests, and say which lines they reach
	@$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term:skip-covered

test-deps: ## install the real servers the tests use (Debian, as root)
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$($(PYTHON) tests/servers/found.py --packages)

check: .venv/dev ## lint, format, types, import direction
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/dev ## measure: acknowledged triggers, whole runs, first page, judging, executing, retrieval
	@$(BIN)/python -m bench

screenshots: .venv/dev ## every page in light, dark and on a phone, into docs/screenshots/
	@PYTHONPATH=tests $(BIN)/python -m pictures docs/screenshots

clean: ## remove what was built here
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov .coverage*
