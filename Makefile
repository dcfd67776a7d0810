# make demo | test | test-all | wheels | quick | fuzz | sanitize | campaign | bench | bench-check | docs | check: each sets up what it needs. See .ci/setup for the system.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
EXTENSIONS := $(VENV)/.built-$(shell uname -m)
DEV := $(VENV)/.dev
R_SYSTEM := $(VENV)/.r-system
R := $(VENV)/.r
SOURCES := setup.py pyproject.toml $(wildcard src_cython/*.pyx src_cython/*.h pyhier/kernels/*.pxd)

# rpy2 and Matplotlib look at these; an R or a Python of the caller's must not leak in.
unexport R_HOME PYTHONPATH PYTHONHOME VIRTUAL_ENV
export MPLBACKEND := Agg
# One translation of the kernels to C serves every build of them: of the tree, an archive, for another Python.
export PYHIER_CYTHON_CACHE := $(CURDIR)/build/cython

SECONDS ?= 600  # of make fuzz

.PHONY: demo test test-all extra test-arviz wheels quick fuzz sanitize campaign calibration bench bench-check docs check clean

demo: $(EXTENSIONS)
	$(BIN)/pyhier demo

# What runs on one core goes two at a time; each says all it has to say when it ends.
test: export OPENBLAS_NUM_THREADS := 1
test:
	$(MAKE) -j2 --output-sync=target $(R)
	$(MAKE) -j2 --output-sync=target docs check extra
	$(BIN)/pytest -n auto --dist worksteal  # a process a core

fuzz: $(DEV)
	cd tests && ../$(BIN)/python -m fuzz --seconds $(SECONDS)
	cd tests && ../$(BIN)/python -m fuzz.entries --seconds $$(($(SECONDS) / 2))

# The kernels with checks of addresses, integers and bounds: their tests and a bounded fuzz. The build takes minutes.
sanitize: $(DEV)
	.ci/sanitize

# 200,000 draws of nuts on every model and parameterisation against the exact posterior: an hour.
campaign: $(DEV)
	cd tests && ../$(BIN)/python -m campaign

# Every model by every engine on data drawn from its prior (--n, --only, --engine: OPTIONS).
calibration: $(DEV)
	cd tests && ../$(BIN)/python -m calibration $(OPTIONS)

# A second Python, by the commit: its share of make test.
extra: $(DEV)
	.ci/extra

# All that speaks to ArviZ, on Python 3.12, which has ArviZ 1.x.
test-arviz: $(DEV)
	.ci/suite "$$(.ci/suite list | grep python3.12 || .ci/suite list | grep /3.12)" newest tests/posterior/test_for_arviz.py \
	    tests/posterior/test_diagnostics.py tests/coda/test_convert.py tests/workflow \
	    tests/inference/test_nuts_use.py

# Every Python that is here, and the oldest packages that are claimed; no R. SUITE: what pytest takes.
test-all: SUITE ?= -n auto --dist worksteal
test-all: $(DEV)
	for python in $$(.ci/suite list); do .ci/suite $$python newest $(SUITE) || exit 1; done
	.ci/suite $(PYTHON) oldest $(SUITE)

# Wheels for every Python that is here and the proof of each: build/wheels/dist.
wheels: $(DEV)
	.ci/wheels

docs: $(R)
	$(BIN)/sphinx-build -E -W --keep-going -q -b html vignettes vignettes/_build/html
	@echo "The documents are in vignettes/_build/html/index.html"

bench: $(R)
	$(BIN)/python benchmarks/run.py

# The last release (or COMMIT=...) beside this tree, in pairs: fails where an operation takes 1.3 times as long.
bench-check: $(DEV)
	.ci/bench-check $(COMMIT)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest pyhier.kernels --mypy-config-file pyproject.toml \
	    --ignore-disjoint-bases --allowlist .ci/stubs.allow --ignore-unused-allowlist

# The short loop: no R, no table of engines, no documents, nothing that simulates for long.
quick: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/pytest -q -x tests/test_architecture.py tests/kernels tests/quadrature \
	    tests/distributions tests/priors tests/models tests/posterior

$(VENV)/bin/python:
	.ci/setup python $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Built with what .venv holds, whose C files then serve the other builds; .ci/suite and make wheels build apart.
$(EXTENSIONS): $(VENV)/bin/python $(SOURCES)
	$(BIN)/python .ci/requirements.py build dependencies > $(VENV)/build.txt
	$(BIN)/python -m pip install -qq --no-compile --requirement $(VENV)/build.txt
	$(BIN)/python -m pip install -qq --no-build-isolation --no-deps --editable .
	touch $@

# The extras alone: installing the package again would compile it again.
$(DEV): $(EXTENSIONS) .ci/requirements.py
	$(BIN)/python .ci/requirements.py dev docs > $(VENV)/dev.txt
	$(BIN)/python -m pip install -qq --no-compile --requirement $(VENV)/dev.txt
	touch $@

$(R_SYSTEM): $(VENV)/bin/python .ci/setup
	.ci/setup r
	touch $@

$(R): $(DEV) $(R_SYSTEM)
	$(BIN)/python .ci/requirements.py r > $(VENV)/r.txt
	$(BIN)/python -m pip install -qq --no-compile --requirement $(VENV)/r.txt
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info pyhier/kernels/*.so src_cython/*.c vignettes/_build
