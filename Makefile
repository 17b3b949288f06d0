# SPDX-License-Identifier: Apache-2.0
# The front door; `make help` lists what there is. The work is done by CMake and by tools/.
.PHONY: build demo check check-asan check-clang bench golden-update tidy format lint rules clean help
.DEFAULT_GOAL := build

JOBS ?= $(shell nproc)

build: ## build the program, build/bin/reperf (the default)
	@tools/bootstrap
	@cmake --preset release >/dev/null
	@ninja -C build -j $(JOBS)

demo: build ## record a live workload, replay it, check it against the machine
	@tools/demo

check: ## everything that must hold before a change goes in
	@tools/check all

check-asan: ## unit and golden tests with ASan and UBSan
	@tools/check asan

check-clang: ## a clang build, its unit tests, and one digest over all builds
	@tools/check clang

bench: build ## the benchmarks beside the sources (*_bench.cpp)
	@tools/bench

golden-update: build ## rewrite the transcripts of the pinned tests; read the diff afterwards
	@build/bin/reperf golden update lit-tests

tidy: ## style and layering
	@tools/tidy

format: ## let clang-format rewrite all C and C++
	@tools/tidy --format

lint: build ## clang-tidy on what changed since the last commit (ALL=1: on everything); slow
	@tools/lint $(if $(ALL),--all)

rules: ## the rules that no test covers
	@tools/rule-report --list

clean: ## remove all builds
	rm -rf build build-asan build-clang build-debug

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22
