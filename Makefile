# Everything here needs Go and nothing else; what a target needs besides, it
# builds or installs.

export GOTOOLCHAIN := local

DEPLOYMENTS := $(sort $(shell find schemas -name prism.yaml))

# Packages whose tests run a second time: under the race detector, and with a
# buffer pool that poisons what it takes back.
RACE := ./backends/... ./runtime/...

DATA := .data/shop

.PHONY: help demo run build generate check-generate test lint engines clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## compile the shop and drive its proxy through typed calls and a restart
	go run ./cmd/prism generate schemas/shop/prism.yaml
	go build -o bin/shop-proxy ./out/shop/proxy
	go run ./examples/demo

run: ## serve the shop until stopped
	go build -o bin/shop-proxy ./out/shop/proxy
	@mkdir -p $(DATA)
	@echo 'To try it from another terminal:'
	@echo "  make bin/buf && bin/buf curl --protocol grpc --http2-prior-knowledge \\"
	@echo "    -d '{\"user_profile\": {\"user_id\": \"ada\", \"display_name\": \"Ada\"}}' \\"
	@echo '    http://127.0.0.1:8980/shop.v1.UserProfileService/PutUserProfile'
	bin/shop-proxy serve --data-dir $(DATA)

build: ## compile everything; the programs are in bin/
	go build ./...
	go build -o bin/ ./cmd/prism ./protoc-gen-prism
	go build -o bin/shop-proxy ./out/shop/proxy

generate: ## compile every deployment's schemas into out/
	go run ./cmd/prism generate $(DEPLOYMENTS)

check-generate: ## fail if out/ or an open migration is not what the schemas give
	go run ./cmd/prism generate --check $(DEPLOYMENTS)

test: engines ## run all tests
	go test ./...
	PRISM_POISON=1 PRISM_CYCLES=3 go test -race $(RACE)

lint: bin/buf bin/staticcheck ## vet, staticcheck, gofmt; buf for schemas and contracts
	go vet ./...
	bin/staticcheck ./...
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	bin/buf lint
	bin/buf format --diff --exit-code

engines: ## install the database servers that tests start, where missing
	engines/install

clean: ## remove what was built, and the data of make run
	rm -rf bin .data

bin/buf: tools.mod tools.sum
	go build -modfile=tools.mod -o $@ github.com/bufbuild/buf/cmd/buf

bin/staticcheck: tools.mod tools.sum
	go build -modfile=tools.mod -o $@ honnef.co/go/tools/cmd/staticcheck
