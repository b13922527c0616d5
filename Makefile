# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# One thread a process: the tests start Ray workers, and two pools of threads on the same cores only wait for each other.
THREADS = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# So many times the examples that `make test` tries, drawn by chance: what people type, and files from anywhere.
FUZZ ?= 50

.PHONY: demo test test-lowest harm fuzz lint dist docs coverage audit bench clean

demo: $(VENV)/.demo
	$(BIN)/chansearch search constraint=demo data=digits fidelity=demo search.candidates=20
	$(BIN)/chansearch report
	$(BIN)/chansearch export --top 1 > rexnet_custom.yaml
	$(BIN)/chansearch build rexnet_custom.yaml

test: $(VENV)/.test
	$(THREADS) $(BIN)/python -m pytest -n 2 --dist worksteal

# The quick tests with the oldest versions that setup.cfg allows; a gigabyte or three to download.
test-lowest: $(VENV)/lowest/.done
	$(THREADS) $(VENV)/lowest/bin/python -m pytest -n 2 --dist worksteal -m "not slow and not harm"

# What takes minutes: the driver and Ray killed, nodes that leave a cluster, workers that hang, a disk that is full under
# a search.
harm: $(VENV)/.test
	$(THREADS) $(BIN)/python -m pytest -m harm

fuzz: $(VENV)/.test
	$(THREADS) FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A source archive and, from it, a wheel, in dist/.
dist: $(VENV)/.test
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

# The documentation's site, in build/site; a warning is an error.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

coverage: $(VENV)/.test
	$(THREADS) $(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

# Known vulnerabilities of all that is installed; asks PyPI. One that it cannot ask about is a failure, not a pass.
audit: $(VENV)/.test $(VENV)/audit/.done
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/audit/installed.txt
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement $(VENV)/audit/installed.txt

# An hour, beside nothing else; each alone is `python -m benchmarks NAME`. Those of trainings, resume and workers, need
# a folder of images: `python -m benchmarks resume --images DIR`.
bench: $(VENV)/.bench
	for name in family counting feasible step training startup scaling replay latency meter rank; do $(BIN)/python -m benchmarks $$name || exit; done

define new-enough
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "chansearch needs Python 3.11 or newer; name one with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
endef

$(VENV)/.%: setup.cfg pyproject.toml
	$(new-enough)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

$(VENV)/lowest/.done: setup.cfg pyproject.toml .ci/lower_bounds.py
	$(new-enough)
	$(PYTHON) -m venv --clear $(VENV)/lowest
	$(PYTHON) .ci/lower_bounds.py test > $(VENV)/lowest/constraints.txt
	$(VENV)/lowest/bin/python -m pip install --quiet --editable ".[test]" --constraint $(VENV)/lowest/constraints.txt
	touch $@

$(VENV)/audit/.done:
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet pip-audit
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage htmlcov
