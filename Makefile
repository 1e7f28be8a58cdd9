# Every target sets up .venv first, if it is not there or not up to date.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check bench format clean

demo: $(INSTALLED)  ## ingest sample_docs and ask, in English and Chinese: no key, no network
	@tools/demo.sh

test: $(INSTALLED)  ## every test, offline
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(INSTALLED)  ## format, lint, types, floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 4

bench: $(INSTALLED)  ## the measured tables; RAGQA_SHARED names the folder with the benchmarks
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

format: $(INSTALLED)  ## put every file into the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .demo build dist *.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Setting up .venv (once; a few minutes, mostly torch)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[openai,dev]'
	@touch $@
