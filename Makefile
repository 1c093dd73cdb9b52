# Everything happens inside $(VENV); nothing is installed outside this folder.
#
#   make train ARGS="mnist --data data --model lenet"
#   make test  ARGS="tests/ops -k softmax"
#   make test  PYTHON=python3.12 VENV=.venv312

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

PY  := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help train test lint format bench clean

help:
	@echo "make train   train the default model on the bundled digits"
	@echo "make test    run the tests"
	@echo "make lint    check style and types (make format mends the style)"
	@echo "make bench   time against PyTorch, if it is installed in $(VENV)"
	@echo "make clean   remove $(VENV), caches and build folders"
	@echo 'ARGS="..." goes to the command behind train, test and bench.'

train: $(VENV)/.installed
	@$(PY) -m tinygrad_hw train $(ARGS)

test: $(VENV)/.installed-test
	@$(PY) -m pytest -n auto $(ARGS)

lint: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(VENV)/.installed-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(VENV)/.installed
	@$(PY) -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: what is done stays done until pyproject.toml changes.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed, and $(PYTHON) is %d.%d: name another, as in: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install "pip>=22"
	@touch $@

$(VENV)/.installed: EXTRAS =
$(VENV)/.installed-test: EXTRAS = [test]
$(VENV)/.installed-dev: EXTRAS = [test,dev]
$(VENV)/.installed $(VENV)/.installed-test $(VENV)/.installed-dev: $(VENV)/.made pyproject.toml
	@echo "installing tinygrad_hw$(EXTRAS) into $(VENV)"
	@$(PIP) install --editable ".$(EXTRAS)"
	@touch $(VENV)/.installed $@
