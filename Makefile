# The two commands: `make demo` and `make test`. Everything they need is set up on first use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Users behind a mirror have it in pip's configuration; uv is told the same.
export UV_DEFAULT_INDEX ?= $(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null)
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif

.PHONY: setup setup-dev demo test check bench lock servers clean

setup: $(VENV)/.main            ## the program in .venv, kernels compiled
setup-dev: $(VENV)/.dev         ## and what its tests need

$(BIN)/uv: requirements/uv.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.main: requirements/main.txt pyproject.toml $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/main.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/qianshao doctor --compile
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.main
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

demo: setup                     ## the whole system on embedded brokers, playing the 2023-09-07 storm
	$(BIN)/qianshao demo

servers: setup-dev              ## real servers for tests and benchmarks, cached outside the tree
	$(BIN)/python -m tests.servers

check: setup-dev                ## style, types, import rules, unit tests and laws: a few minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -x -m "not servers and not browser" tests/unit tests/laws

test: setup-dev servers         ## everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 --dist loadfile

bench: setup-dev servers        ## every benchmark, a JSON line each
	@for f in bench/[a-z]*.py; do $(BIN)/python $$f || exit 1; done

lock: setup-dev                 ## compile requirements/*.in into pinned, hashed lists
	@for f in uv main dev; do $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/$$f.in -o requirements/$$f.txt; done

clean:
	rm -rf $(VENV) var
