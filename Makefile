# Needs make and Python 3.11 or newer, nothing else. `make` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := magnesium fhir_mappings hooks cds_service
# Where every branch must be covered. cds_service is held by its HTTP tests instead.
COVERED := magnesium fhir_mappings hooks
# More arguments for the command behind a target: make test ARGS='-k femg'
ARGS ?=

PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# No build isolation: it would fetch the build backend without looking at its hash.
INSTALL_PROJECT := $(PIP) install --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/runtime.stamp ## Start the service and a FHIR sandbox on 127.0.0.1:8080, print a request to try
	@exec env MAGNESIUM_CDS_PROFILE=$${MAGNESIUM_CDS_PROFILE:-dev} $(BIN)/magnesium-cds serve $(ARGS)

.PHONY: test
test: $(VENV)/dev.stamp ## Run the tests and record which branches they reach
	@rm -f .coverage
	@$(BIN)/python -m pytest --quiet --numprocesses=auto --dist=worksteal --cov --cov-report=term $(ARGS)

.PHONY: spark
spark: $(VENV)/spark.stamp ## Install Apache Spark for `evaluate --engine spark` and its tests (400 MB; needs Java 17)

.PHONY: check
check: lint types imports requirements pages coverage ## Lint, formatting, types, import contracts, generated pages, coverage of the last `make test`
	@echo 'All checks passed.'

.PHONY: lint
lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --diff

.PHONY: types
types: $(VENV)/dev.stamp
	@$(BIN)/mypy --no-error-summary

.PHONY: imports
imports: $(VENV)/dev.stamp
	@$(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.txt 2>&1 || { cat $(VENV)/lint-imports.txt; exit 1; }

# The locked files say what to install, never from where (docs/decisions/0007).
.PHONY: requirements
requirements:
	@! grep -nE '://|^ *(-[fi]|--(extra-)?index-url|--find-links|--trusted-host)|[ @]\.{0,2}/' requirements/*.txt \
	    || { echo 'requirements/ names an address or a path: run make lock'; exit 1; }

.PHONY: pages
pages: $(VENV)/dev.stamp
	@$(BIN)/python -m tools.generate_docs --check

.PHONY: docs
docs: $(VENV)/dev.stamp ## Write the generated pages: cards, causes, traceability, the clinicians' page
	@$(BIN)/python -m tools.generate_docs

.PHONY: site
site: $(VENV)/dev.stamp ## Build the documentation site into build/site (warnings are errors)
	@$(BIN)/python -m sphinx -W --keep-going -q -E -b html -c docs -d build/doctrees . build/site

.PHONY: coverage
coverage: $(VENV)/dev.stamp
	@test -f .coverage || { echo 'No coverage data: run make test first.'; exit 1; }
	@for package in $(COVERED); do \
	    $(BIN)/coverage report --include="$$package/*" --fail-under=100 > $(VENV)/coverage.txt \
	        || { cat $(VENV)/coverage.txt; echo "Every branch of $$package needs a test."; exit 1; }; \
	done

# mutmut is no pinned requirement: it is run now and then, and for hours.
.PHONY: mutation
mutation: $(VENV)/dev.stamp ## Change magnesium/ in thousands of ways and see which the tests notice (hours; needs mutmut)
	@test -x $(BIN)/mutmut || { echo 'mutmut is missing: $(BIN)/python -m pip install mutmut==3.8.*'; exit 1; }
	@$(BIN)/mutmut run $(ARGS)

.PHONY: bench
bench: $(VENV)/dev.stamp ## Measure speed beside a bare Flask application (some minutes)
	@$(BIN)/python -m benchmarks.run $(ARGS)

.PHONY: soak
soak: $(VENV)/dev.stamp ## Call the service for half an hour and see what grows
	@$(BIN)/python -m benchmarks.soak $(ARGS)

.PHONY: sbom
sbom: $(VENV)/dev.stamp ## Write a CycloneDX list of what the service needs (needs cyclonedx-bom)
	@mkdir -p build
	@test -x $(BIN)/cyclonedx-py || { echo 'cyclonedx-py is missing: $(BIN)/python -m pip install cyclonedx-bom==7.5.*'; exit 1; }
	@$(BIN)/cyclonedx-py requirements requirements/runtime.txt --pyproject pyproject.toml --of JSON --output-reproducible -o build/sbom.json

.PHONY: format
format: $(VENV)/dev.stamp ## Format the code and apply the safe lint fixes
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

# What is pinned stays unless pyproject.toml rules it out; to move it: make lock ARGS=--upgrade
LOCK = env -u UV_FIND_LINKS UV_CUSTOM_COMPILE_COMMAND='make lock' \
    $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-emit-find-links $(ARGS)
.PHONY: lock
lock: $(VENV)/dev.stamp ## Pin and hash what pyproject.toml asks for
	@$(LOCK) pyproject.toml --extra redis --output-file requirements/runtime.txt
	@$(LOCK) pyproject.toml --group dev --extra evaluate --extra otel --extra redis --constraint requirements/runtime.txt \
	    --output-file requirements/dev.txt
	@$(LOCK) pyproject.toml --extra spark --constraint requirements/dev.txt --output-file requirements/spark.txt
	@$(LOCK) --group build --constraint requirements/dev.txt --output-file requirements/build.txt

.PHONY: clean
clean: ## Remove the virtual environment and everything else that can be made again
	@rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* htmlcov
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find $(PACKAGES) tests -type d -name __pycache__ -prune -exec rm -rf {} +

# One environment serves both: dev.txt holds all of runtime.txt, at the same versions.
$(VENV)/runtime.stamp: requirements/build.txt requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo 'Installing what the service needs into $(VENV) …'
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(INSTALL_PROJECT)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo 'Installing what development needs into $(VENV) …'
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(INSTALL_PROJECT)
	@touch $@

$(VENV)/spark.stamp: requirements/spark.txt $(VENV)/dev.stamp
	@echo 'Installing Apache Spark into $(VENV) …'
	@$(PIP) install --require-hashes -r requirements/spark.txt
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) > /dev/null \
	    || { echo 'There is no $(PYTHON) here. Name yours: make PYTHON=python3.12 …'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
	    || { echo '$(PYTHON) comes without venv. On Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@$(PYTHON) -m venv $(VENV)
