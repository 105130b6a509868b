# make demo: a month of a shop, from Stripe into Dynamics 365, on this machine alone.
# make test: everything that proves it. See README.md.
.DEFAULT_GOAL := help
.PHONY: help setup amqp demo serve simulate simulate-mutants test check lint types imports tidy docs format bench package sbom audit lock clean

UV_VERSION := 0.13.9
BIN := .venv/bin
READY := .venv/.ready
NPM_READY := tests/npm/node_modules/.ready
AMQP_READY := .venv/.amqp-ready
RELEASE_READY := .make/release/.ready
SOURCES := function_app.py functions shared local cli bench release tests
ARGS ?=

help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

$(READY): requirements-dev.txt pyproject.toml
	@python=$$(scripts/find-python) && echo "setting up .venv with $$python" && \
	    { [ -x $(BIN)/python ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' \
	      || "$$python" -m venv --clear .venv; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode \
	    requirements-dev.txt
	@VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(NPM_READY): tests/npm/package-lock.json
	@scripts/check-node
	@npm ci --prefix tests/npm --no-audit --no-fund --loglevel=error
	@touch $@

$(AMQP_READY): $(READY) requirements-amqp.txt
	@VIRTUAL_ENV="$(CURDIR)/.venv" scripts/build-amqp $(BIN)/uv $@

setup: $(READY) $(NPM_READY) ## everything that demo and test need

amqp: $(AMQP_READY) ## compile what the broker's AMQP endpoint needs (serve --peers-only, its tests)

demo: $(READY) ## a seeded month through the whole system, ending in the tie-out (ARGS="--seed 7")
	@$(BIN)/tieout demo $(ARGS)

PEERS := $(findstring --peers-only,$(ARGS))
serve: $(READY) $(if $(PEERS),$(AMQP_READY) $(if $(shell command -v npm),$(NPM_READY))) ## the same world on local ports, for curl and the Stripe CLI (ARGS="--help")
	@$(BIN)/tieout serve $(ARGS)

SEED ?=
simulate: $(READY) ## 200 simulated months under faults (SEED=n: one of them, with its timeline)
	@$(BIN)/tieout simulate $(if $(SEED),--seed $(SEED) --timeline .tieout,) $(ARGS)

simulate-mutants: $(READY) ## every mutant of the product must be caught by the simulation
	@$(BIN)/python -m local.simulation.mutants $(ARGS)

# The tests start many processes; each would compile all modules again where nothing may be kept.
test: $(READY) $(NPM_READY) $(AMQP_READY) ## all tests (ARGS="-k name")
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: lint types imports tidy ## ruff, mypy strict, import-linter, the rules of the house

lint: $(READY)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

types: $(READY)
	@$(BIN)/mypy

imports: $(READY)
	@$(BIN)/lint-imports --no-cache

tidy: $(READY)
	@$(BIN)/python -m pytest tests/test_tidy.py

docs: $(READY) ## the pages that are generated from code
	@$(BIN)/python -m cli.mapping_fields > docs/mapping-fields.md
	@$(BIN)/python -m release.settings_page > docs/settings.md
	@$(BIN)/python -m release.costs_page > docs/costs.md

format: $(READY) ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(READY) ## every figure, as a ratio measured in one run
	@for file in bench/*.py; do case $$file in *__init__*) ;; *) $(BIN)/python $$file || exit 1;; esac; done

package: $(READY) ## the zip that is deployed, imported from an environment that has requirements.txt alone
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .make/package
	@VIRTUAL_ENV="$(CURDIR)/.make/package" $(BIN)/uv pip install --quiet --require-hashes -r requirements.txt
	@$(BIN)/python -m release.package --python "$(CURDIR)/.make/package/bin/python"

$(RELEASE_READY): $(READY) requirements-release.txt
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .make/release
	@VIRTUAL_ENV="$(CURDIR)/.make/release" $(BIN)/uv pip install --quiet --require-hashes \
	    -r requirements-release.txt
	@touch $@

sbom: package $(RELEASE_READY) ## dist/tieout.cdx.json, the bill of materials of the package (CycloneDX)
	@.make/release/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
	    --output-file dist/tieout.cdx.json .make/package/bin/python

audit: $(RELEASE_READY) ## what is known against the libraries that are deployed (asks PyPI)
	@.make/release/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.txt

lock: $(READY) ## pin the dependencies of pyproject.toml anew
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --upgrade \
	    pyproject.toml --extra local --group dev -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
	    -c requirements-dev.txt --group app -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
	    -c requirements-dev.txt --group amqp -o requirements-amqp.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
	    -c requirements-dev.txt --group release -o requirements-release.txt

clean: ## remove what the targets made
	@rm -rf .venv .make dist .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/npm/node_modules
