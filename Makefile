# The two commands of the README are `make demo` and `make test`; CI runs `make check` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEB_ADAPTER := $(VENV)/web-adapter
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# What `make check` runs of the tests; CI says none, for there `make test` follows with all of them.
CHECKED_TESTS ?= tests/unit

.PHONY: demo test check format docs java conformance web-adapter bench clean

demo: $(STAMP)
	@$(BIN)/python -I examples/demo.py

test: $(DEV_STAMP)
	$(BIN)/python -m tools.test_run

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

# Once src/lambent/runtime/java was changed; its jar is committed, for hosts need no compiler.
java: $(STAMP)
	@$(BIN)/python -m tools.java_launcher

conformance: $(DEV_STAMP)
	$(BIN)/python -m tools.conformance

# Not a part of `make test`: to build it takes a minute of two processors.
web-adapter: $(DEV_STAMP) $(WEB_ADAPTER)/bin/lambda-adapter
	LAMBENT_WEB_ADAPTER=$(CURDIR)/$(WEB_ADAPTER)/bin/lambda-adapter \
	  $(BIN)/python -m pytest tests/thirdparty/test_web_adapter.py

$(WEB_ADAPTER)/bin/lambda-adapter: $(BIN)/python
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --version 0.9.1 \
	  --root $(WEB_ADAPTER) lambda_web_adapter

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
