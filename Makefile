# The two commands: `make run` serves the product, `make test` tests it.
# Both make .venv from the pinned requirements first; Python is all they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-all lint lock bench bench-scale bench-memory bench-count bench-baseline endurance drill

run: .venv/runtime
	@$(BIN)/python manage.py serve

# Leaves out the tests that are marked `thorough`, unless `CI` is set: in five minutes, before each commit.
# Four processes also on two cores: much of the time, tests with a server or a browser wait.
PYTEST := -m pytest -n 4 --dist loadgroup
test: .venv/development
	@$(BIN)/python $(PYTEST) $(if $(CI),,-m "not thorough")

# All of them, as continuous integration does.
test-all: .venv/development
	@$(BIN)/python $(PYTEST)

lint: .venv/development
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .

# Measures, and writes tests/benchmarks/RESULTS.md. PARTS=profile is one part; ARGS="--rounds 1" is for the hurried.
PARTS := start compare others profile
bench: .venv/benchmarks
	@$(BIN)/python -m tests.benchmarks $(PARTS) $(ARGS)

# The same at 5,000,000 assignments, in var/bench-scale or SCALE_DIR (loading them takes a quarter of an hour).
bench-scale: .venv/benchmarks
	@$(BIN)/python -m tests.benchmarks scale flat $(ARGS)

# One worker's memory after 20,000 and after 200,000 requests.
bench-memory: .venv/benchmarks
	@$(BIN)/python -m tests.benchmarks memory $(ARGS)

# Instructions per request, counted by valgrind and held against what bench-baseline recorded.
bench-count: .venv/benchmarks
	@$(BIN)/python -m tests.benchmarks count

bench-baseline: .venv/benchmarks
	@$(BIN)/python -m tests.benchmarks baseline

# Drills too long for `make test`: faults, floods, fuzzing. Under 30 minutes. PARTS="fuzz" is one of them.
endurance: .venv/development
	@$(BIN)/python -m tests.endurance $(if $(filter command line,$(origin PARTS)),$(PARTS))

# Breaks an installation of several servers in every way that it should survive. FAULTS="primary nginx" are two of them.
drill: .venv/development
	@$(BIN)/python -m tests.drill $(FAULTS)

# Pins every dependency of pyproject.toml, with hashes, for all supported Pythons.
lock: .venv/development
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra tracing pyproject.toml -c requirements.txt -o requirements-tracing.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra dev --extra tracing pyproject.toml -c requirements-tracing.txt -o requirements-dev.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra bench pyproject.toml -c requirements-dev.txt -o requirements-bench.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group drill -c requirements-dev.txt -o requirements-drill.txt

.venv/runtime: requirements.txt
	@$(PYTHON) bootstrap.py requirements.txt
	@touch $@

.venv/development: requirements-dev.txt
	@$(PYTHON) bootstrap.py requirements-dev.txt
	@touch $@ .venv/runtime

.venv/benchmarks: requirements-bench.txt .venv/runtime
	@$(PYTHON) bootstrap.py requirements-bench.txt
	@touch $@
