# Needs Python 3.11 or later, make and git; everything else comes from requirements*.txt and package-lock.json.

PYTHON ?= python3
BIN := .venv/bin
CDK := $(BIN)/node node_modules/aws-cdk/bin/cdk
SETUP := .venv/.done node_modules/.done
ARCH ?=
# The pip that Python brings takes twice as long to choose among the versions of an index, and compiles on one core.
PIP := pip==26.3

# What slows the CDK down (no .pyc files), or makes it talk to the network while it builds.
unexport PYTHONDONTWRITEBYTECODE
export CDK_DISABLE_CLI_TELEMETRY := true
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup synth demo sandbox test check snapshots docs bench mutants clean
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: $(SETUP) ## Install the pinned Python and Node.js parts into .venv and node_modules
	@echo "Ready. Next: make synth, or source $(BIN)/activate"

synth: $(SETUP) ## Write the templates of all stacks to cdk.out, checked (ARCH=iot_to_firehose for one, CDK_VALIDATION=false unchecked)
	@echo "Synthesizing $(if $(ARCH),$(ARCH),all architectures) ..."
	@$(CDK) synth --quiet --no-notices $(if $(ARCH),-c architectures=$(ARCH))
	@ls cdk.out/*.template.json
	@echo "Read one as YAML with: npx cdk synth IotToFirehose"

demo: $(SETUP) ## Deploy into an embedded AWS on this machine, send data through, show what arrived (ARCH=iot_to_firehose for one)
	@$(BIN)/python -m sandbox demo $(if $(ARCH),--architecture $(ARCH))

sandbox: $(SETUP) ## Keep the embedded AWS running, to deploy and try by hand (PORT=4566 for a fixed port)
	@$(BIN)/python -m sandbox serve $(if $(PORT),--port $(PORT))

test: $(SETUP) ## Run the whole suite
	@$(BIN)/python -m pytest

check: $(SETUP) ## Check format, style, types and import rules
	@echo "ruff ..." && $(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@echo "mypy --strict ..." && $(BIN)/mypy --no-error-summary && cd examples/image_builder_cicd/image-repo && \
		$(CURDIR)/$(BIN)/mypy --no-error-summary --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache \
		--exclude '^$$' app.py tests
	@echo "Clean."

snapshots: $(SETUP) ## Accept the templates, the tables of permissions and what is used of MiniStack as they are now
	@$(BIN)/python -m pytest tests/snapshots tests/gate/test_permissions.py tests/sandbox/test_contract.py --snapshot-update -q
	@git status --short -- tests/snapshots tests/gate/permissions tests/sandbox

docs: $(SETUP) ## Write the generated parts of the READMEs and the compliance report anew
	@$(BIN)/python scripts/docs.py
	@$(BIN)/python scripts/compliance.py

bench: $(SETUP) .bench-venv/.done ## Compare the speed with an empty app and AWS Solutions Constructs, and the leak scanner with published rules
	@$(BIN)/python benchmarks/bench.py

mutants: $(SETUP) ## Change templates and code one thing at a time and list what no test notices (SAMPLE=60, ARCH=iot_to_firehose)
	@$(BIN)/python scripts/mutants.py --templates --sample $(or $(SAMPLE),60) --architecture $(or $(ARCH),iot_to_firehose)

clean: ## Remove everything that make made
	rm -rf .venv .bench-venv node_modules cdk.out dist .mypy_cache .ruff_cache .pytest_cache

.venv/.done: requirements.txt requirements-dev.txt pyproject.toml scripts/pinned-node.pth
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) must be Python 3.11 or later, got $$($(PYTHON) --version 2>&1); name another with make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Creating .venv with $$($(PYTHON) --version) ..."; $(PYTHON) -m venv .venv; }
	@echo "Installing the pinned Python packages (about a minute the first time) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile $(PIP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile -r requirements-dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@site="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')" && \
	  cp scripts/pinned-node.pth "$$site" && $(BIN)/python -m compileall -qq -j 0 "$$site"
	@echo "Warming the CDK up ..."
	@$(BIN)/python -c 'import aws_cdk, cdk_nag; aws_cdk.App().synth()'
	@touch $@

node_modules/.done: package.json package-lock.json .npmrc .venv/.done
	@echo "Installing the CDK command line ..."
	@$(BIN)/npm ci --ignore-scripts --silent
	@touch $@

.bench-venv/.done: benchmarks/requirements.txt
	@echo "Creating .bench-venv for the peer (about a minute the first time) ..."
	@test -x .bench-venv/bin/python || $(PYTHON) -m venv .bench-venv
	@.bench-venv/bin/python -m pip install -qq --disable-pip-version-check --compile -r benchmarks/requirements.txt
	@touch $@
