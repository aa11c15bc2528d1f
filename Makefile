# The verbs. Each calls CMake or a script; `make help` lists them.
export JOBS ?= $(shell nproc)

# One ccache serves every clone: paths are hashed relative to the clone.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := true

# Compiles as who owns the clone, also where root makes images of it.
OWNER := scripts/as-owner

.DEFAULT_GOAL := help
.PHONY: help build everything generate test check soak fuzz bench demo chart image cluster cluster-down

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build the programs (release, into build/release)
	@$(OWNER) scripts/build release

generate: ## write crds/, the chart's copy of it and docs/crd-reference.md from the field tables in common/manifest
	@scripts/build release pgw-crd
	@for file in crd:crds/protocolgateways.yaml reference:docs/crd-reference.md; do \
	    build/release/bin/pgw-crd "$${file%%:*}" >"$${file#*:}.new" && mv "$${file#*:}.new" "$${file#*:}" || exit 1; done
	@scripts/check-chart --fix

everything:
	@$(OWNER) scripts/build release --tests

test: ## build, then unit, integration and wire tests
	@$(OWNER) scripts/build release --tests quick-tests
	@ctest --preset release -L 'unit|integration|wire' -j 2

check: ## all that CI runs: test, source and chart checks, tidy, sanitizers, fuzz, brokers, short faults, clusters
	@scripts/check

soak: everything ## hours: faults at full count, long fuzz, bench
	@scripts/soak

fuzz: ## every fuzz target for FUZZ_SECONDS (default 60), with ASan and UBSan
	@scripts/build asan-ubsan --tests
	@scripts/fuzz --seconds $(or $(FUZZ_SECONDS),60)

bench: everything ## measure against mosquitto and the floor; writes tests/bench/results and docs/performance.md
	@tests/bench/report "$$(tests/bench/run)"

demo: ## MQTT in, AMQP out, on this machine, in one terminal
	@scripts/demo

chart: ## check the chart and package it into build/
	@scripts/check-chart
	@"$$(tests/cluster/binaries chart)/helm" package charts/protocol-gateway --destination build

image: ## the images of worker and operator, as archives in build/images (root)
	@$(OWNER) scripts/build release gateway-worker gateway-operator pgw-amqp
	@scripts/images

cluster: ## a Kubernetes cluster of one node on this machine, with the images loaded; prints its kubeconfig (root)
	@scripts/cluster plan
	@$(MAKE) --no-print-directory image
	@scripts/cluster up

cluster-down: ## end it, and leave nothing of it (root)
	@scripts/cluster down
