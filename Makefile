# Every target sets up all it needs. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

UV := .tools/uv/bin/uv
READY := .venv/.ready .tools/emulator/.ready .tools/sam/.ready
# Other people's programs, for the tests that break and mend them.
PEERS := .tools/dask-gateway/.ready .tools/dstack/.ready .tools/skypilot/.ready
CHECKED := $(wildcard layers/paramedic/paramedic controller gateway cli deploy functions demo benchmarks tests)
# sam runs the layer's Makefile, which needs uv; sam wants the functions' Python on PATH.
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/uv/bin:$(CURDIR)/.tools/sam/bin:$(PATH)
export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0
# Where it is set, each of the hundreds of processes that tests start would compile what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-peers lint build bench cost lock clean

help:
	@echo 'make demo          run the whole stack on this machine and watch a dead controller come back'
	@echo 'make test          all tests (ARGS="tests/unit -k name" for some)'
	@echo 'make test-peers    tests against real programs of others (needs nginx and ssh; ARGS="-k skyserve" for some)'
	@echo 'make lint          style, types and template'
	@echo 'make build         what sam deploys, in .aws-sam/build'
	@echo 'make bench NAME=x  one benchmark (without NAME: which there are)'
	@echo 'make cost          what a stack costs a month, counted on this machine'
	@echo 'make lock          rewrite the locks from the .in files'
	@echo 'make clean         remove everything these targets made'

demo: $(READY)
	@.venv/bin/python -m demo $(ARGS)

test: $(READY)
	@.venv/bin/python -m pytest --numprocesses 4 --dist loadgroup $(ARGS)

test-peers: $(READY) $(PEERS)
	@PATH="$$PATH:/usr/sbin" PARAMEDIC_TEST_PEERS=1 .venv/bin/python -m pytest --numprocesses 2 --dist loadfile tests/peers $(ARGS)

lint: $(READY)
	@ruff check $(CHECKED)
	@ruff format --check $(CHECKED)
	@mypy $(CHECKED)
	@sam validate --lint
	@cfn-lint template.yaml

build: $(READY)
	@sam build

bench: $(READY) .tools/lambda-runtime/.ready
ifdef NAME
	@.venv/bin/python -m benchmarks.$(NAME) $(ARGS)
else
	@ls benchmarks | sed -n 's/^\([a-z].*\)\.py$$/make bench NAME=\1/p'
endif

cost: $(READY)
	@.venv/bin/python -m benchmarks.cost $(ARGS)

lock: .tools/uv/.ready
	@UV=$(UV) scripts/lock

clean:
	@rm -rf .venv .tools .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp per environment: a lock that changed rebuilds its environment from nothing, all else is a no-op.
.tools/uv/.ready: requirements/uv.txt .python-version scripts/find-python
	@command -v git >/dev/null || { echo 'error: git is needed and was not found. On Debian: apt-get install git' >&2; exit 1; }
	@python=$$(scripts/find-python); rm -rf $(@D); echo 'setting up uv'; \
	"$$python" -m venv $(@D) && $(@D)/bin/python -m pip install --quiet --require-hashes -r $< && touch $@

.venv/.locked: requirements/dev.txt .tools/uv/.ready
	@echo 'setting up .venv'
	@$(UV) venv --quiet --clear --python "$$(scripts/find-python)" $(@D)
	@$(UV) pip install --quiet --python $(@D) --require-hashes -r $<
	@touch $@

.venv/.ready: .venv/.locked pyproject.toml
	@$(UV) pip install --quiet --python $(@D) --no-deps --no-build-isolation --editable .
	@touch $@

.tools/%/.ready: requirements/%.txt .tools/uv/.ready
	@echo 'setting up $(@D)'
	@$(UV) venv --quiet --clear --python "$$(scripts/find-python)" $(@D)
	@$(UV) pip install --quiet --python $(@D) --require-hashes -r $<
	@touch $@
