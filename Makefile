# Five commands, the same on a laptop and in CI. Extra arguments: make demo ARGS=--no-serve
ARGS ?=
BIN := .venv/bin

.PHONY: help demo test lint bench docs lock web clean
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: ## set up, generate the demo city, ingest, build tiles, detect changes, serve
	@scripts/setup.sh run
	$(BIN)/gis demo $(ARGS)

test: ## set up and run every test, the browser's included
	@scripts/setup.sh test
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

lint: ## ruff, the type checker, the import rules
	@scripts/setup.sh test
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config importlinter.toml

bench: ## figures, with a peer in the same run; no pass or fail
	@scripts/setup.sh test
	$(BIN)/python -m benchmarks $(ARGS)

docs: ## write the generated pages of docs/
	@scripts/setup.sh test
	$(BIN)/python docs/generate.py

web: ## build the map page
	@scripts/setup.sh run

lock: ## pin the Python packages anew (needs uv)
	uv pip compile -q pyproject.toml --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements.lock
	uv pip compile -q pyproject.toml --extra test --extra lint -c requirements.lock --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements-dev.lock

clean: ## stop the embedded database and drop what was built (keeps .gis/)
	-$(BIN)/gis db stop
	rm -rf .venv .uv web/node_modules web/dist
