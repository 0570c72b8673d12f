# What people type. Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
# Pinned versions of everything, so that every machine tests the same; a user's own environment is free to differ.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Tests of one file share what they build, so they stay together on one of the cores.
PYTEST := python -m pytest -n auto --dist loadscope

# Asked of a cluster; all are there with SPARK_TESTS=tests/spark, which takes far longer.
SPARK_TESTS ?= $(addprefix tests/spark/test_spark, .py _builds.py _cluster.py _cluster_exports.py _drift.py _identity.py _scratch.py _session.py \
	_sql.py _validation.py)

# The newest DuckDB that the package admits; .venv has the oldest.
NEXT_DUCKDB := 2.0.0

.PHONY: help quickstart tour install lint check test test-spark torch compatibility bench bench-scale bench-cluster bench-crowd bench-faults clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

quickstart: .venv/core ## Build, check and publish the example warehouse, export two datasets, report leaks and drift, make the site
	@echo "==> warehouse build"
	@$(BIN)/warehouse build
	@echo; echo "==> warehouse export late_arrivals"
	@$(BIN)/warehouse export late_arrivals
	@echo; echo "==> warehouse export turnaround"
	@$(BIN)/warehouse export turnaround
	@echo; echo "==> warehouse leakage late_arrivals"
	@$(BIN)/warehouse leakage late_arrivals
	@echo; echo "==> warehouse drift late_arrivals"
	@$(BIN)/warehouse drift late_arrivals
	@echo; echo "==> warehouse docs build"
	@$(BIN)/warehouse docs build
	@echo; echo "Done. Look at them:"
	@$(BIN)/warehouse status

tour: quickstart ## The same, then train a small model on the example and diagnose its errors (installs scikit-learn)
	@$(INSTALL) --editable '.[classifier]'
	@echo; echo "==> python train_late_arrivals.py"
	@$(BIN)/python train_late_arrivals.py
	@echo; echo "==> warehouse diagnose late_arrivals --predictions var/late_arrivals_predictions.parquet"
	@$(BIN)/warehouse diagnose late_arrivals --predictions var/late_arrivals_predictions.parquet

install: .venv/dev ## Make .venv with everything that tests and checks need

lint: .venv/dev ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy warehouse cli

check: lint ## Check format, style and types, and run the fast tests
	$(BIN)/$(PYTEST) -q -m "not slow"

test: .venv/dev ## Run all the tests
	$(BIN)/$(PYTEST)

test-spark: .venv/dev .venv-spark/pyspark ## Run the tests of Spark on a cluster of Apache Spark (needs Java 17)
	TEST_SPARK_HOME=$$(.venv-spark/bin/python -c 'import pyspark; print(*pyspark.__path__)') \
		$(BIN)/python -m pytest -q --timeout 1200 --durations 10 $(SPARK_TESTS)

torch: .venv/dev ## Install PyTorch and test loading into it
	$(INSTALL) --editable '.[torch]'
	$(BIN)/python -m pytest -q tests/datasets/test_torch_data.py

compatibility: .venv-next/duckdb ## Run the tests of builds, validation and datasets on the newest DuckDB
	PYTHONPATH=$(CURDIR)/.venv-next $(BIN)/$(PYTEST) -q tests/test_builds.py tests/test_sql.py tests/validation tests/datasets tests/exports

bench: .venv/dev .venv-peers/bench .venv-deepchecks/bench .venv-nannyml/bench ## Measure speed and memory against peers and floors, as ratios
	$(BIN)/python benchmarks/run.py --peer-python .venv-peers/bin/python \
		--deepchecks-python .venv-deepchecks/bin/python --nannyml-python .venv-nannyml/bin/python

# Seconds, kills and the seed of chance can be said: make bench-crowd SECONDS=60
SECONDS ?= 600
KILLS ?= 200
SEED ?= 1

# Sizes can be said: make bench-scale ROWS="10000000 100000000 1000000000"
ROWS ?= 10000000 100000000

bench-scale: .venv/dev ## Export and compare 10 and 100 million narrow rows: time, memory and disk as rows grow
	$(BIN)/python benchmarks/scale.py --rows $(ROWS)

bench-cluster: .venv/dev .venv-spark/pyspark ## Ask DuckDB and a cluster of Apache Spark the same of 10 million rows (needs Java 17)
	$(BIN)/python benchmarks/cluster.py \
		--spark-home $$(.venv-spark/bin/python -c 'import pyspark; print(*pyspark.__path__)')

bench-crowd: .venv/dev ## Let 8 readers, 2 exporters and a builder work at once for 10 minutes
	$(BIN)/python benchmarks/crowd.py --seconds $(SECONDS)

bench-faults: .venv/dev ## Kill builds, publications, nights and clean-ups at 200 random moments
	$(BIN)/python benchmarks/faults.py --kills $(KILLS) --seed $(SEED)

clean: ## Delete generated state, caches and .venv
	rm -rf .venv .venv-next .venv-spark .venv-peers .venv-deepchecks .venv-nannyml build dist target logs *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis benchmarks/out
	find var -mindepth 1 ! -name .gitkeep ! -path var/dev -delete

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/core: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev,databases,files,lakehouse]'
	@touch $@ .venv/core

# The one package that differs, found before the one in .venv; the rest need not be installed again.
.venv-next/duckdb: Makefile | .venv/dev
	rm -rf .venv-next
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv-next duckdb==$(NEXT_DUCKDB)
	@touch $@

# The whole of Spark, whose package has the files of the client too: no environment can have both.
.venv-spark/pyspark: constraints.txt
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pyspark
	@touch $@

.venv-peers/bench: pyproject.toml | .venv/bin/python
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

.venv-deepchecks/bench: pyproject.toml | .venv/bin/python
	$(PYTHON) -m venv .venv-deepchecks
	.venv-deepchecks/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[deepchecks]'
	@touch $@

.venv-nannyml/bench: pyproject.toml | .venv/bin/python
	$(PYTHON) -m venv .venv-nannyml
	.venv-nannyml/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[nannyml]'
	@touch $@
