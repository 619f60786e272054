# `make help` says what there is. Only Python (3.11 or newer, with venv), git and make are needed.
PYTHON ?= python3
VENV ?= .venv
# VENV= (empty): no environment is created, and $(PYTHON) is used as it is
PY := $(if $(VENV),"$(VENV)/bin/python",$(PYTHON))
BIN := $(if $(VENV),"$(VENV)/bin/")
TIER ?= smoke
MINUTES ?= 30
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test style bench soak gpu lab experiment export hooks clean

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	@echo
	@echo "The first call creates $(or $(VENV),.venv) and installs PyTorch and the rest there, about 6 GB. Other ways:"
	@echo "  make test PYTHON=python3.12    create the environment with that Python (3.11 and 3.12 are tested)"
	@echo "  make test VENV=/path/to/env    put the environment elsewhere"
	@echo "  make test VENV=                use the active environment as it is, with its own PyTorch (2.11 or newer);"
	@echo "                                 'pip install -e \".[dev]\"' adds what it lacks and leaves PyTorch alone"
	@echo "  make demo ARGS=--help          options of the command behind demo, test or bench go into ARGS"

setup: ## create the environment, or bring it up to date
	@command -v $(PYTHON) >/dev/null || \
	{ echo "$(PYTHON) was not found: install Python 3.11 or newer, or name one, as in make setup PYTHON=python3.11"; exit 1; }
ifneq ($(VENV),)
	@$(PYTHON) tools/environment.py "$(VENV)"
else
	@$(PYTHON) tools/environment.py --check
endif
	@$(PY) tools/git_hooks.py

demo: setup ## train a small model for a few minutes, order held-out images, write runs/demo/report.html
	@$(BIN)cop demo $(ARGS)

test: setup ## prove the library: notebooks, experiments, sync, wheel, style; the last line counts what passed
	@$(PY) tools/run_tests.py $(ARGS)

style: setup ## check style alone: ruff, long lines, cells and modules, type hints; seconds
	@$(PY) tools/check_style.py $(ARGS)

bench: setup ## measure speed-ups against plain implementations, write runs/bench.json
	@$(PY) tools/bench.py $(ARGS)

soak: setup ## kill, starve and damage all commands at random for MINUTES=30, and compare what they leave
	@$(PY) tools/soak.py --minutes $(MINUTES) $(ARGS)

gpu: setup ## run what needs a GPU: marked tests, and the benchmarks
	@if $(PY) -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; \
	then $(PY) tools/run_tests.py --flags gpu --only nbs/ --workers 1 && $(PY) tools/bench.py --gpu && \
	echo "next: make experiment NAME=cvit TIER=cifar, then NAME=cmar, in pieces of nine minutes: again and again, until result.json is there"; \
	else echo "there is no GPU that PyTorch can use here: nothing was run"; fi

lab: setup ## read and change the notebooks in JupyterLab
	@$(PY) -m jupyter lab --config=tools/jupyter_config.py nbs/ $(ARGS)

experiment: setup ## run one experiment: make experiment NAME=order_worth TIER=smoke ARGS="-p seed 1"; smoke takes 25 s to 2 min 20 s on two shared cores
	@$(if $(NAME),,echo "which one? make experiment NAME=… TIER=smoke; there are:"; ls nbs/experiments | sed -n 's/\.ipynb$$//p'; exit 1)
	@$(PY) tools/experiment.py $(NAME) $(TIER) $(ARGS)

export: setup ## sort imports, format, write cop/ and docs/contents.md from the notebooks, strip metadata
	@$(PY) -m ruff check --quiet --select I,E401 --fix nbs tools
	@$(PY) -m ruff format --quiet nbs tools
	@$(PY) -c "from nbdev.doclinks import nbdev_export; nbdev_export(procs=[])"
	@$(PY) -c "from nbdev.clean import nbdev_clean; nbdev_clean(clear_all=False)"
	@$(PY) tools/contents.py --write

hooks: setup ## have git check style and sync before every commit (it needs the active environment)
	@$(PY) -m pre_commit install

clean: ## remove caches and build folders; the environment, runs/ and data/ stay
	@rm -rf build dist *.egg-info .ruff_cache
	@find . -path "./$(VENV)" -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
