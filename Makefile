# Everything here needs Go and nothing else; what a target needs besides, it
# builds or installs.

export GOTOOLCHAIN := local

# Packages whose tests run a second time: under the race detector, and with a
# buffer pool that poisons what it takes back.
RACE := ./backends/... ./runtime/...

# Of these the tests in which nothing of ours runs beside anything: SQL and its
# plans, stores that were made by hand, and processes under a tracer. And the
# cluster: three servers under the detector take the machine, and what calls them
# is raced on one. Chains of releases have one thread.
NO_RACE := Chaos|Chains|Cluster|Statements|Pooler|HostCutOff|RestoredDump|Sequence|Role|WithoutChecksums|FailedSync|NewFiles|Columns|TakenNames|OutputCompiles

# What the long runs take the place of: cycles of crashes, inputs of the record
# check, and the whole of what tests do a share of.
LONG := PRISM_REQUIRE=all PRISM_LONG=1 PRISM_CYCLES=200 PRISM_INPUTS=1200000 PRISM_CHAOS=1h PRISM_CHAINS=1000 PRISM_BUILT_CHAINS=20
FUZZTIME := 5m

DATA := .data/shop

# Where examples find a proxy.
PROXY ?= 127.0.0.1:8980

# squawk, and the migrations of the releases in testdata that it reads: those that no
# transaction takes, fills, first ones, and all others.
SQUAWK := bin/squawk-2.70.0/bin/squawk
RELEASES := find generator/testdata/releases -path '*/postgres/*' -name '*.sql'

# Its rules that are off, and why.
# Numbers of migrations and releases, and nanoseconds below a microsecond, are small.
SMALL := -e prefer-bigint-over-int -e prefer-bigint-over-smallint
# Only what leads back, and the phase contract, drops anything, and says what is lost: of
# a column nothing, since records have it, and no release that serves reads it then.
DROP := -e ban-drop-column -e ban-drop-constraint -e ban-drop-table -e ban-drop-sequence
# Statements of a transaction read no rows, and what they may wait for has a lock_timeout.
FAST := -e require-statement-timeout
# The tables of a first migration are new: nobody holds a lock of them.
NEW := -e require-lock-timeout
# An index that is there is not built again by IF NOT EXISTS, which would skip one that
# is not valid: the runner looks, and goes on.
RESUMED := -e prefer-robust-stmts
# Whoever runs a fill by hand has done nothing, so nothing of it may be kept.
UNENDED := -e ban-uncommitted-transaction

.PHONY: help demo run example-python example-typescript build generate generate-buf docs check-generate test test-long bench bench-short lint engines clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## compile the shop and drive its proxy through typed calls and a restart
	go run ./cmd/prism generate schemas/shop/prism.yaml
	go build -o bin/shop-proxy ./out/shop/proxy
	go run ./examples/demo

run: ## serve the shop until stopped
	go build -o bin/shop-proxy ./out/shop/proxy
	@mkdir -p $(DATA)
	@echo 'To try it from another terminal:'
	@echo "  go run ./cmd/prism call --config schemas/shop PutUserProfile '{\"user_profile\": {\"user_id\": \"ada\", \"display_name\": \"Ada\"}}'"
	bin/shop-proxy serve --data-dir $(DATA)

example-python: ## call the proxy of make run from Python
	examples/python/install
	examples/python/run $(PROXY)

example-typescript: ## call the proxy of make run from TypeScript
	examples/typescript/install
	examples/typescript/run $(PROXY)

build: ## compile everything; the programs are in bin/
	go build ./...
	go build -o bin/ ./cmd/prism ./protoc-gen-prism
	go build -o bin/shop-proxy ./out/shop/proxy

generate: ## compile every deployment's schemas into out/
	go run ./cmd/prism generate
	go run ./cmd/prism explain -o markdown >docs/diagnostics.md

generate-buf: bin/buf ## compile the shop by buf.gen.yaml, as buf users do
	bin/buf generate schemas

docs: ## write the references in docs/, and the reasons of errors, that are made from code
	go test ./cmd/prism -run 'TestDocs|TestReasonFile' -update
	go test ./schemas/prism/v1 -update

check-generate: ## fail if out/ or an open migration is not what the schemas give
	go run ./cmd/prism generate --check

test: engines bin/buf ## run all tests
	go test -timeout 20m ./...
	PRISM_POISON=1 PRISM_CYCLES=3 go test -race -timeout 20m -skip '$(NO_RACE)' $(RACE)

test-long: engines bin/buf ## run the whole of what make test does a share of; four hours
	$(LONG) go test -count=1 -timeout 4h ./...
	PRISM_POISON=1 PRISM_CYCLES=20 go test -count=1 -timeout 1h -race $(RACE)
	go test ./generator -run '^$$' -fuzz FuzzSchema -fuzzminimizetime 1x -fuzztime $(FUZZTIME)
	go test ./generator/emit/record -run '^$$' -fuzz FuzzCheck -fuzztime $(FUZZTIME)

bench: engines ## measure, and write docs/performance.md; ten minutes on an idle machine
	go run ./bench -o docs/performance.md

bench-short: engines ## measure roughly, in a minute, and print
	go run ./bench -short

lint: bin/buf bin/staticcheck $(SQUAWK) ## vet, staticcheck, gofmt; buf for schemas and contracts; squawk for migrations
	go vet ./...
	bin/staticcheck ./...
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	bin/buf lint
	bin/buf format --diff --exit-code
	$(RELEASES) | xargs grep -l ': no transaction' | xargs $(SQUAWK) --pg-version 15 $(RESUMED)
	$(RELEASES) -name '*_fill.up.sql' | xargs $(SQUAWK) --pg-version 15 $(UNENDED)
	$(RELEASES) -name '0001_*' | xargs $(SQUAWK) --pg-version 15 --assume-in-transaction $(SMALL) $(FAST) $(NEW)
	$(RELEASES) ! -name '0001_*' ! -name '*_fill.up.sql' | xargs grep -L ': no transaction' | xargs $(SQUAWK) --pg-version 15 --assume-in-transaction $(SMALL) $(DROP) $(FAST)

engines: ## install the database servers and protocs that tests start, where missing
	engines/install

clean: ## remove what was built, and the data of make run
	rm -rf bin .data

bin/buf: tools.mod tools.sum
	go build -modfile=tools.mod -o $@ github.com/bufbuild/buf/cmd/buf

bin/staticcheck: tools.mod tools.sum
	go build -modfile=tools.mod -o $@ honnef.co/go/tools/cmd/staticcheck

$(SQUAWK):
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target bin/squawk-2.70.0 squawk-cli==2.70.0
