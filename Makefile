# Two commands do all set-up: `make demo` and `make test`. Both need Python 3.11 or newer, and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test lint bench full clean

demo: $(READY) ## the real migration on the project's own chart fixture: a dry-run diff of three environments
	@$(BIN)/python -m tests.demo

test: $(READY) lint ## everything that CI runs
	$(BIN)/python -m pytest -n 2 -m "not full"

full: $(READY) ## the long runs: 50,000 examples, soaks
	$(BIN)/python -m pytest -m full

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## fidelity and time beside named peers, side by side in one go
	$(BIN)/python -m bench

$(READY): pyproject.toml constraints.txt
	@echo "helmmail: making $(VENV) with $(PYTHON) (a minute on a new machine)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "helmmail needs Python 3.11 or newer; set PYTHON=")'
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || $(PYTHON) -m virtualenv -q $(VENV) || \
		{ echo "this Python can make no virtual environment: install python3-venv (Debian) or virtualenv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
