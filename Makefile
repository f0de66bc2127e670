# Everything here works with Go and make alone; what else is needed is built.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# The modules of this repository.
MODULES := . test

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/crdwatch, static
	@echo "building crdwatch (the first time a minute or two)"
	@CGO_ENABLED=0 go build -trimpath -ldflags="$(LDFLAGS)" -o bin/crdwatch ./cmd/crdwatch

.PHONY: controlplane
controlplane: ## Build the API server and etcd of the tests (five minutes, once)
	@cd test && go run ./controlplane/cmd/build

.PHONY: demo
demo: build controlplane ## Start a throwaway cluster with lively objects, and crdwatch on it
	@cd test && go build -o ../bin/demo ./demo && exec ../bin/demo --crdwatch ../bin/crdwatch

.PHONY: test
test: build controlplane ## Run all tests, with the race detector, against a real API server
	go test -race -timeout 10m ./...
	cd test && CRDWATCH_BINARY=$(CURDIR)/bin/crdwatch CRDWATCH_SUM="$$(cksum < ../bin/crdwatch)" go test -race -timeout 40m -p 2 ./...

.PHONY: soak
soak: build controlplane ## Hold crdwatch to its promises for hours: 500 kills, 10,000 faults, 50 outages, 20 users
	go test -v -timeout 4h ./pkg/store -run 'Killed|Failing|Migration|Full|Unwritable|SetAside|Flipped' -rounds 100 -damages 100
	cd test && CRDWATCH_BINARY=$(CURDIR)/bin/crdwatch go test -race -timeout 24h -v ./reliability \
		-run 'Kills|Outages|Churn' -kills 500 -outages 50 -churns 200
	cd test && CRDWATCH_BINARY=$(CURDIR)/bin/crdwatch go test -race -timeout 24h -v ./reliability \
		-run TestFaults -faults 10000 -kinds 48 -rate 200
	cd test && CRDWATCH_BINARY=$(CURDIR)/bin/crdwatch go test -timeout 4h -v ./access -users 20 -resources 40 -namespaces 50

.PHONY: compat
compat: build ## Run the core tests against Kubernetes 1.31 (five minutes to build it)
	@mkdir -p bin/oldest
	cd test/oldest && version=$$(go list -m -f '{{.Version}}' k8s.io/kubernetes) && minor=$${version#v1.} && \
		go build -ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$$version \
			-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$${minor%%.*}" \
			-o ../../bin/oldest/kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver && \
		go build -ldflags="-s -w" -o ../../bin/oldest/etcd go.etcd.io/etcd/server/v3
	cd test && KUBEBUILDER_ASSETS=$(CURDIR)/bin/oldest CRDWATCH_BINARY=$(CURDIR)/bin/crdwatch \
		go test -count=1 -timeout 40m -p 1 ./controlplane ./e2e ./reliability ./access

.PHONY: mutants
mutants: controlplane ## Re-introduce known bugs one by one: the tests must find each
	@cd test && go run ./mutants

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## Feed the parsers nonsense, each for FUZZTIME (30s)
	@for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; \
	done

.PHONY: bench
bench: build controlplane ## Measure crdwatch beside the naive program, and with a history; prints tables of ratios
	@mkdir -p bin && cd test && go build -o ../bin/bench ./bench && exec ../bin/bench --crdwatch ../bin/crdwatch

.PHONY: bench-scale
bench-scale: build ## Measure how crdwatch grows, up to a million objects; prints tables, and plots to docs/growth
	@mkdir -p bin && cd test && go build -o ../bin/scale ./bench/scale && exec ../bin/scale --crdwatch ../bin/crdwatch --plots ../docs/growth

.PHONY: lint
lint: ## Run the linters
	@cd tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@for m in $(MODULES); do (cd $$m && $(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

.PHONY: generate
generate: ## Make docs/rules from the rules, and deploy/kustomize from the Helm chart
	go run ./pkg/audit/rules/pages docs/rules
	cd test && go run ./deploy/generate ../deploy

CONTAINER ?= docker
IMAGE     ?= localhost/crdwatch

.PHONY: image
image: ## Build a container image with CONTAINER (docker), named IMAGE
	$(CONTAINER) build -f deploy/Dockerfile -t $(IMAGE):$(VERSION) \
		--build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) .

.PHONY: fmt
fmt: ## Format the code
	gofmt -w cmd pkg test

.PHONY: tidy
tidy: ## Tidy the modules
	@for m in $(MODULES) tools test/oldest; do (cd $$m && go mod tidy) || exit 1; done

.PHONY: verify
verify: generate fmt tidy lint ## Check that the tree is generated, formatted, tidy and linted
	git diff --exit-code
