# The two commands of the README are `make demo` and `make test`; CI runs `make check` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# What `make check` runs of the tests; CI says none, for there `make test` follows with all of them.
CHECKED_TESTS ?= tests/unit

.PHONY: demo test check format docs conformance bench clean

demo: $(STAMP)
	@$(BIN)/python -I examples/demo.py

test: $(DEV_STAMP)
	$(BIN)/python -m pytest

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(if $(CHECKED_TESTS),$(BIN)/python -m pytest $(CHECKED_TESTS) -q)

format: $(DEV_STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)
	$(BIN)/python -m tools.generate_docs

conformance: $(DEV_STAMP)
	$(BIN)/python -m tools.conformance

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks.run

# Debian's python3 may lack ensurepip: then the outer pip installs into the bare environment.
$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) 2>/dev/null \
	  || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV); }

$(STAMP): $(BIN)/python pyproject.toml requirements/run.txt
	@echo "Installing Lambent into $(VENV) …"
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
	  -r requirements/run.txt -e .
	@touch $@

$(DEV_STAMP): $(STAMP) requirements/dev.txt
	@echo "Installing the tools of development …"
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
	  -r requirements/dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
