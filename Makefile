# Each target does its own set-up and is quick when nothing changed. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: setup demo test cancel-races ledger soak fuzz tsan check bench fmt clean help

setup: ## system packages, .venv, the compiled extension
	@scripts/setup.sh test demo

demo: ## the main job on real data (TPC-H), in SQLite or PG=postgresql://…
	@scripts/setup.sh demo
	@.venv/bin/python examples/demo/demo.py $(if $(PG),--postgres '$(PG)') $(ARGS)

test: ## all tests, C++ and Python; ARGS go to pytest, CPP=0 leaves the C++ tests out
	@scripts/test.sh $(ARGS)

cancel-races: ## 10,000 requests given up as they end, none hits another; MOLT_CANCEL_RACES=…
	@scripts/setup.sh test
	@MOLT_CANCEL_RACES=$(or $(MOLT_CANCEL_RACES),10000) MOLT_CHAOS_HANGS_AFTER_S=3600 \
	  .venv/bin/python -m pytest -q -s tests/chaos/test_postgres_cancel_races.py $(ARGS)

ledger: ## 10,000,000 requests to a worker over a bad network, each answered once; MOLT_LEDGER_REQUESTS=…
	@scripts/setup.sh test
	@MOLT_LEDGER_REQUESTS=$(or $(MOLT_LEDGER_REQUESTS),10000000) MOLT_CLIENT_HANGS_AFTER_S=36000 \
	  .venv/bin/python -m pytest -q -s tests/client/test_ledger.py $(ARGS)

soak: ## everything a client of a worker does, for 10 minutes: does anything grow? MINUTES=…
	@scripts/setup.sh test
	@.venv/bin/python tests/client/soak.py --minutes $(or $(MINUTES),10)

fuzz: ## each *_fuzz.cc for FUZZ_S seconds (60), from its committed corpus
	@scripts/fuzz.sh $(or $(FUZZ_S),60)

tsan: ## the mixed load on a worker under ThreadSanitizer; ARGS=--quick for a part of it
	@scripts/tsan.sh $(ARGS)

check: ## format, lint, types, arrows between rooms
	@scripts/check.sh

bench: ## benchmarks, all or WHAT=builder, sqlite_small, sqlite_bulk, pg_bulk, pg_small, pg_copy_in, ipc, ipc_bulk, django_list
	@scripts/setup.sh bench
	@.venv/bin/python benchmarks/run.py $(WHAT) $(ARGS)

fmt: ## format C++ and Python sources
	@scripts/fmt.sh

clean: ## remove what was built, not .venv
	@rm -rf build dist python/molt_sql/_molt*.so python/molt_sql/_molt.pyi

help: ## this list
	@sed -n 's/^\([a-z-]*\): ## /make \1|/p' $(MAKEFILE_LIST) | column -t -s '|'
