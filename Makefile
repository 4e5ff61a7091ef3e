# Everyday commands; `make help` lists them. PYTHON=python3.12 chooses the interpreter of a new .venv.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.set-up
PIP := $(BIN)/pip --disable-pip-version-check --no-input
MIGRATIONS = $(wildcard services/*/migrations/*.sql services/*/*/migrations/*.sql shared/*/migrations/*.sql)
# Each has servers of its own; the tests of a file stay together, and chaos, which lasts longest, comes first.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
LOCK = env -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate pyproject.toml

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup env lock demo up down status logs clean lint format test coverage chaos bench

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: $(STAMP)  ## install what is missing into .venv, and fetch Kafka

demo: $(STAMP)  ## start everything and play both stories
	@$(BIN)/recourse demo $(ARGS)

up: $(STAMP)  ## start PostgreSQL, Kafka, the services and the mail server
	@$(BIN)/recourse up $(ARGS)

down: $(STAMP)  ## stop all of it; the data stays
	@$(BIN)/recourse down

status: $(STAMP)  ## show what runs
	@$(BIN)/recourse status

logs: $(STAMP)  ## show logs; NAME=tickets for one process, ARGS=-f to follow
	@$(BIN)/recourse logs $(NAME) $(ARGS)

clean: $(STAMP)  ## stop everything and forget its data
	@$(BIN)/recourse clean

lint: $(STAMP)  ## style, types, import rules, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/squawk $(MIGRATIONS)

format: $(STAMP)  ## put the code into the agreed format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint  ## lint, then every test against real Kafka and PostgreSQL
	$(BIN)/pytest $(WORKERS) $(ARGS)

coverage: $(STAMP)  ## every test, and which lines and branches they run; takes a quarter longer
	$(BIN)/pytest $(WORKERS) --cov --cov-report=term $(ARGS)

chaos: $(STAMP)  ## kill everything at random and compare with a model; ROUNDS= kills, SEED=, REPORT=folder for the report
	$(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),100) --seed $(or $(SEED),1) $(if $(REPORT),--report $(REPORT)) $(ARGS)

bench: $(STAMP)  ## measure; ONLY=id,id for some lines, ROUNDS=3, REPORT=folder for the report, ARGS="--scale 0.1"
	@$(PIP) install --quiet --require-hashes -r requirements/bench.txt
	RECOURSE_KAFKA_JVM_OPTIONS= $(BIN)/python -m bench --rounds $(or $(ROUNDS),3) $(if $(ONLY),--only $(ONLY)) \
		$(if $(REPORT),--report $(REPORT)) $(ARGS)

env:  ## write .env with random secrets, for docker compose
	@$(PYTHON) -m deploy.compose.environment

lock: $(STAMP)  ## pin the newest allowed versions into requirements/ and deploy/local/kafka.lock
	$(LOCK) -o requirements/services.txt
	$(LOCK) --extra mail -o requirements/mail.txt
	$(LOCK) --extra local -o requirements/local.txt
	$(LOCK) --extra local --extra dev -o requirements/dev.txt
	$(LOCK) --extra bench -o requirements/bench.txt
	$(BIN)/python -m deploy.local.kafka_jars lock

$(STAMP): requirements/dev.txt deploy/local/kafka.lock
	@command -v $(PYTHON) > /dev/null || { \
		echo "Recourse needs Python 3.11 or newer: install it, or name it with PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Recourse needs Python 3.11 or newer and $(PYTHON) is older: install it, or name it with PYTHON=python3.12." >&2; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
		echo "$(PYTHON) lacks the venv module: install it (on Debian and Ubuntu: the package python3-venv)." >&2; exit 1; }
	@test -x $(BIN)/pip || { echo "Creating .venv"; $(PYTHON) -m venv .venv; }
	@$(PIP) install --progress-bar off --require-hashes -r requirements/dev.txt | \
		awk -v total="$$(grep -c == requirements/dev.txt)" '\
			/^(Collecting|Requirement already)/ { printf "\rInstalling into .venv: %d of %d packages", ++n, total } \
			/^Installing collected/ { printf "\rInstalling into .venv: unpacking           " } \
			END { print "" }' || { \
		echo "The packages could not be installed: see above; the first set-up needs the network." >&2; exit 1; }
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m deploy.local.kafka_jars fetch
	@touch $@
