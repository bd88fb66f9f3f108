# Every target makes its own .venv when there is none, or when the packages asked for have changed.

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs figures bench mutate clean

# A python3.11 that starts (a version manager's shim may be there and refuse), else python3.
PYTHON ?= $(shell python3.11 -c 'print("python3.11")' 2>/dev/null || echo python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS_INSTALLED := $(VENV)/.peers
DOCS_INSTALLED := $(VENV)/.docs
PACKAGE := $(wildcard eigenfit/*.py) eigenfit/py.typed
ROOMS := $(filter-out eigenfit,$(patsubst %/py.typed,%,$(wildcard */py.typed)))

# Test processes side by side, each with a TensorFlow of its own; 0 runs the tests in one process.
# A file stays in one process, for its tests share graphs that take seconds to build.
WORKERS ?= 2

export TF_CPP_MIN_LOG_LEVEL ?= 3
# Without this Pyright asks the package index for a newer version at every run.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
# Else Material for MkDocs writes at every build that it gets fixes only, until May 2027.
export NO_MKDOCS_2_WARNING := 1

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED)  ## run the demo; its pictures go to demo_output/
	$(BIN)/python docs/examples/demo.py

# Several processes share the cores: each takes one thread.
test: export TF_NUM_INTRAOP_THREADS ?= 1
test: export TF_NUM_INTEROP_THREADS ?= 1
test: $(INSTALLED)  ## run the tests; ARGS="tests/solver -k adam" chooses, WORKERS=0 for a debugger
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(INSTALLED)  ## check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(INSTALLED)  ## put the code in format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(DOCS_INSTALLED)  ## build the documentation as a site in site/; fails at any warning
	$(BIN)/mkdocs build

# In the repository, for a code host shows them too.
figures: $(INSTALLED)  ## draw the figures of docs/ anew, each by its example
	cd docs/images && for script in $$(cd ../.. && grep -l '\.svg"' docs/examples/*.py); do \
	  ../../$(BIN)/python ../../$$script || exit 1; done

bench: $(PEERS_INSTALLED)  ## run every measurement; ARGS="speed --quick" chooses
	$(BIN)/python -m benchmarks $(ARGS)

mutate: $(PEERS_INSTALLED)  ## do the tests notice changes of the code? ARGS="solver/fit --most 10"
	$(BIN)/python -m benchmarks.mutation $(ARGS)

clean:  ## remove .venv, caches, and what builds and the demo wrote
	rm -rf $(VENV) build dist site *.egg-info demo_output bench_output .hypothesis .pytest_cache .ruff_cache
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# Tests import `eigenfit.solver` as users do. Python finds it through the editable install; Pyright
# cannot read that, so the rooms and the files of the package `eigenfit` are also linked as they are
# installed (extraPaths).
$(INSTALLED): pyproject.toml constraints.txt $(wildcard */py.typed)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "eigenfit needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing into $(VENV); TensorFlow is large, so the first time takes a few minutes."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	mkdir -p $(VENV)/typing/eigenfit
	for part in $(ROOMS) $(PACKAGE); do \
	  ln -sfn ../../../$$part $(VENV)/typing/eigenfit/$${part#eigenfit/}; done
	touch $@

# What eigenfit is measured against, beside the rest.
$(PEERS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@

# What the site is built with.
$(DOCS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@
