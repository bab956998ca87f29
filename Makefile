# Everything that a developer runs.  `make help` lists it.
.DEFAULT_GOAL := help
BIN := .venv/bin
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready  ## install Agola and its tools into .venv

.venv/.ready: requirements.lock pyproject.toml tools/setup
	tools/setup
	@touch $@

services: setup
	tools/install-services

demo: setup  ## start Agola and run the example (ONCE=1 to stop afterwards)
	tools/demo

serve: setup  ## start Agola
	$(BIN)/agola serve

test: services  ## run every test, with the real etcd and PostgreSQL
	$(PYTEST)

test-unit: setup  ## run the tests that need nothing but Python
	$(PYTEST) tests/unit

check: setup  ## lint, types, layers, protos
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	tools/check-breaking
	$(BIN)/python tools/genproto.py --check
	$(BIN)/python tools/contracts.py --check
	$(BIN)/python tools/definitions.py --check

fmt: setup  ## format code and protos
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format -w

proto: setup  ## regenerate generated/ and docs/contracts.md from protos/
	$(BIN)/python tools/genproto.py
	$(BIN)/python tools/contracts.py

bench: setup  ## measure, and print the figures as JSON
	@$(BIN)/python -m tools.bench

.PHONY: help setup services demo serve test test-unit check fmt proto bench
