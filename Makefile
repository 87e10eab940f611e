# `make` lists what can be done.
.DEFAULT_GOAL := help
.PHONY: help run setup setup-dev test lint fmt check bench screenshots install-service uninstall-service clean

PYTHON := .venv/bin/python
NO_TESTS := 5
RUFF := $(PYTHON) -m ruff
export PYTHONPATH := $(CURDIR)

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Start daemon and app, and show the address (STARTER=no: without the first training)
	@exec $(PYTHON) -P -m scripts.launch $(if $(filter no,$(STARTER)),--no-starter)

setup: ## Make .venv with all that running needs (free when nothing changed)
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --dev

test: setup-dev ## All tests (ARGS="-m 'not slow' tests/core" chooses)
	@scripts/install-chromium.sh
	@# Tests that wait for a process of the lowest priority come last, with nothing beside them.
	$(PYTHON) -P -m pytest -n auto --dist loadfile --together $(ARGS) || [ $$? -eq $(NO_TESTS) ]
	$(PYTHON) -P -m pytest --alone $(ARGS) || [ $$? -eq $(NO_TESTS) ]

lint: setup-dev ## Format, lint, types, import contracts: looks only
	$(RUFF) format --check .
	$(RUFF) check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-cache --no-logo

fmt: setup-dev ## Format, and mend what can be mended
	$(RUFF) check --fix .
	$(RUFF) format .

check: lint test ## lint, then test

bench: setup-dev ## Measurements
	$(PYTHON) -P -m bench $(ARGS)

screenshots: setup-dev ## Pictures of every page, into docs/screenshots (ARGS=run: of some)
	@scripts/install-chromium.sh
	$(PYTHON) -P -m tests.gallery.screenshots $(ARGS)

install-service: ## Install both systemd services (as root)
	@scripts/install-service.sh

uninstall-service: ## Remove both systemd services (as root)
	@scripts/uninstall-service.sh

clean: ## Remove caches; runs, uploads and .venv stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . \( -path ./.venv -o -path ./runs -o -path ./models -o -path ./uploads \) -prune \
		-o -name __pycache__ -type d -exec rm -rf {} +
