# Everything a developer does. Each target does all its set-up itself, and little when nothing changed.
.PHONY: setup assets demo cluster-demo test lint bench dist gen lock

setup: ## Debian packages, Rust parts and .venv
	@tools/setup.sh

assets: setup ## the worker, its shim and the IPython kits, which the agent embeds
	@cargo xtask assets

demo: assets ## a good notebook and a broken one, as a user sees them
	@tools/demo.sh

cluster-demo: setup ## the operator in a cluster of its own, from nothing to nothing; as root
	@tools/setup.sh --cluster
	@tools/cluster-demo.sh

test: setup ## everything that CI runs
	@tools/setup.sh --tests
	@.venv/bin/python tools/run-tests.py

lint: setup ## formatting, clippy, ruff
	@.venv/bin/python tools/run-tests.py --only lint

bench: assets ## nbvet and its peers side by side
	@.venv/bin/python benches/peers.py

dist: setup ## the static binary and the wheel
	@cargo xtask dist

gen: ## write generated files anew
	@cargo xtask gen

lock: ## resolve every .in file again
	@tools/lock.sh
