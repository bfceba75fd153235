# What people do here. CARGO_TARGET_DIR is Cargo's own variable: set it to build elsewhere than ./target.

CARGO ?= cargo

ROUNDS ?= 100
SEED ?= random

.PHONY: build setup test chaos lint deny quickstart shop bench bench-kernels

build: ## the sensei binary
	$(CARGO) build --release --locked --workspace

setup: ## what the tests need: installed where it may be, named where not
	scripts/setup-tests.sh

test: setup build ## everything: unit, doc, property, golden and end-to-end tests
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --release --locked --workspace --profile $(if $(CI),ci,default); \
	else \
	  $(CARGO) test --release --locked --workspace --lib --bins --tests; \
	fi
	$(CARGO) test --release --locked --workspace --doc

chaos: setup build ## rounds of whatever may befall a cluster, with ROUNDS=100 and SEED=random; ROWS=1000000 in each
	SENSEI_CHAOS_ROUNDS=$(ROUNDS) SENSEI_CHAOS_ROWS=$(ROWS) SENSEI_SEED=$(SEED) $(CARGO) test --release --locked --workspace \
	  --test cluster -- --ignored --exact chaos::long --nocapture

lint: ## formatting, and clippy with warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

deny: ## licences, bans and sources of every dependency; needs no network
	scripts/cargo-deny.sh --offline check bans licenses sources

quickstart: ## copies the example shop and proves it
	$(CARGO) run --release --locked -- run examples/quickstart/plan.yaml

shop: ## writes the example shop anew
	rm -f examples/quickstart/shop.db
	$(CARGO) run --release --locked --example make-shop -- examples/quickstart/shop.db

bench: build ## Sensei beside other tools, into bench/RESULTS.md; ARGS='--list' names the scenarios
	scripts/setup-bench.sh
	$(CARGO) run --release --locked --example bench -- $(ARGS)

bench-kernels: ## instructions per row of the hot kernels, compared with those on record; UPDATE=1 records them
	UPDATE=$(UPDATE) scripts/kernel-counts.sh
