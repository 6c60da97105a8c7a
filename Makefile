# The front of the project: `make help` lists what can be done. Everything CI does is here.
# Needs only make and a Python of 3.11 or later; choose one with PYTHON=python3.12.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
PIP := -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test lint types quick stories score slow long bench speed format docs fidelity lock clean python

help: ## print this list
	@sed -n 's/^\([a-z.]*\):.*## \(.*\)/  make \1 \2/p' $(MAKEFILE_LIST) | \
		awk '{ name = $$2; $$1 = $$2 = ""; printf "  make %-8s%s\n", name, $$0 }'

venv: $(STAMP) ## set up .venv from requirements.lock

.venv: $(STAMP)

# The stamp is written last, so a half-made environment is made anew and never taken as done.
$(STAMP): requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory python
	@echo "setting up $(VENV) from requirements.lock"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) install --require-hashes -r requirements.lock
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "faultlab needs Python 3.11 or later; $(PYTHON) is: $$($(PYTHON) --version 2>&1 | head -n 1)" >&2; \
		echo "name another one: make PYTHON=python3.12 ..." >&2; exit 1; }

demo: $(STAMP) ## play the six stories of the catalog on the reference client
	@$(BIN)/faultlab run

# Stories mostly wait, so the type checker works beside them, and gives way to them.
test: lint ## lint, types, stories and the quick tests
	@$(MAKE) --no-print-directory -j2 types stories
	@$(MAKE) --no-print-directory quick

lint: $(STAMP) ## check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP) ## check types
	@nice -n 19 $(BIN)/mypy

quick: $(STAMP) ## the tests, without stories and slow ones
	@$(BIN)/python -m pytest -m "not slow and not story and not docker" -n 3 --dist loadfile

stories: $(STAMP) ## play the catalog on correct and planted clients, and print the score
	@$(BIN)/python -m pytest -m story tests/catalog

score: $(STAMP) ## the same, and write the score into README and guide
	@$(BIN)/python -m pytest -m story tests/catalog --write-score

slow: $(STAMP) ## the slow tests: packaging, repetition, load
	@$(BIN)/python -m pytest -m "slow and not docker and not long"

long: $(STAMP) ## play a story in virtual time a thousand times: each byte must be the same
	@$(BIN)/python -m pytest -m long

docker: $(STAMP) ## the tests on a Docker engine; skipped where there is none
	@$(BIN)/python -m pytest -m docker

images: ## make the images for `make docker` without a registry: eval "$(make -s images)"
	@.ci/images

bench: $(STAMP) ## measure what the lab adds, as ratios in one run
	@$(BIN)/python tests/bench/bench.py

speed: $(STAMP) ## measure virtual time, and write the figures into README and guide
	@$(BIN)/python -m tests.bench.simulated

format: $(STAMP) ## format, and mend what can be mended by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(MAKE) --no-print-directory docs

docs: $(STAMP) ## write the guide's tables, and the schema of scenario files, anew
	@$(BIN)/python -m tests.documents
	@$(BIN)/faultlab schema > scenarios/scenario.schema.json.part
	@mv scenarios/scenario.schema.json.part scenarios/scenario.schema.json

fidelity: $(STAMP) ## measure what differs between environments, and write the guide's tables anew
	@$(BIN)/python -m tests.parity.measure
	@$(MAKE) --no-print-directory docs

# Resolved for every supported Python and system; names, versions and hashes only.
lock: python ## resolve requirements.lock anew
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(PYTHON) -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/python" $(PIP) install uv; \
	"$$scratch/venv/bin/uv" pip compile -q --upgrade pyproject.toml --group dev \
		--universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header -o requirements.lock

clean: ## remove .venv, caches, builds, run folders, what the bench built
	@rm -rf $(VENV) .faultlab .hypothesis .mypy_cache .pytest_cache .ruff_cache .bench dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
