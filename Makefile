# Every target makes its own virtual environment; nothing else has to be installed but Python, g++ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SIM := $(VENV)/.with-sim
TEST := $(VENV)/.with-test

.PHONY: demo test test-fast fuzz lint docs bench wheel clean compiler
.DEFAULT_GOAL := demo

# The whole way on the embedded model: generate, csim, cosim, compare, estimate, one table at the end.
demo: $(SIM) compiler
	$(BIN)/python -m fpga_squeeze.demo hls_out/demo

test: lint compiler
	$(BIN)/python -m pytest -n auto --dist worksteal

# What tells most in little time, for the work in between: nothing that builds for long.
test-fast: $(TEST) compiler
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

# Cases that no one has seen yet; the seed stands at the head of the run, and FSQ_SEED=n repeats it.
fuzz: $(TEST) compiler
	FSQ_SEED=$${FSQ_SEED:-fresh} $(BIN)/python -m pytest -n auto --dist worksteal -m "fuzz or hypothesis"

lint: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What the docs show of the command line is run and put back into them; tests/test_docs.py compares.
docs: $(TEST) compiler
	$(BIN)/python -m docs.printed
	$(BIN)/python -m docs.house

# Figures, not tests: what the planner reaches at full size, levels and clocks, and whole frames through csim and cosim.
bench: $(TEST) compiler
	$(BIN)/python -m bench.planner
	$(BIN)/python -m bench.devices
	$(BIN)/python -m bench.timing
	$(BIN)/python -m bench.cosim --network 1.1 --size 224 --lanes 900
	$(BIN)/python -m bench.cosim --network 1.0 --size 227 --lanes 900
	$(BIN)/python -m bench.cosim --network 1.0 --size 227 --lanes 900 --products-per-dsp 2

wheel: $(TEST)
	$(BIN)/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find hls_out -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	find fpga_squeeze bench docs examples tests training -name __pycache__ -type d -prune -exec rm -rf {} +

compiler:
	@command -v $${CXX:-g++} >/dev/null || { echo "error: no C++ compiler: $${CXX:-g++} is not on PATH; install g++ (Debian: apt-get install g++) or set CXX" >&2; exit 2; }

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on PATH; install Python 3.10 or newer" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "error: $(PYTHON) is older than 3.10; set PYTHON" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(SIM): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[sim]'
	touch $@

$(TEST): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[sim,test]'
	touch $@ $(SIM)
