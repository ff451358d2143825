# The two commands: `make run` serves the product, `make test` proves it.
# Both make .venv from the pinned requirements first; Python is all they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint lock bench

run: .venv/runtime
	@$(BIN)/python manage.py serve

test: .venv/development
	@$(BIN)/python -m pytest

lint: .venv/development
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .

# Measures, and writes tests/benchmarks/RESULTS.md. ARGS="--rounds 2 --seconds 1" for a hurried look.
bench: .venv/benchmarks
	@$(BIN)/python -m tests.benchmarks start compare others profile $(ARGS)

# Pins every dependency of pyproject.toml, with hashes, for all supported Pythons.
lock: .venv/development
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra dev pyproject.toml -c requirements.txt -o requirements-dev.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra bench pyproject.toml -c requirements-dev.txt -o requirements-bench.txt

.venv/runtime: requirements.txt
	@$(PYTHON) bootstrap.py requirements.txt
	@touch $@

.venv/development: requirements-dev.txt
	@$(PYTHON) bootstrap.py requirements-dev.txt
	@touch $@ .venv/runtime

.venv/benchmarks: requirements-bench.txt .venv/runtime
	@$(PYTHON) bootstrap.py requirements-bench.txt
	@touch $@
