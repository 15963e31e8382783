# The targets that people use: build, test, check, bench, asm, cuda, fuzz, dist, clean. check runs all that must pass before a change
# goes in; its parts (format, vet, lint, size, test, race) can be run alone.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
FUZZTIME    ?= 1m
BENCH       ?= .
PYTHON      ?= python3
# Packages that share memory between goroutines of their own, and whose tests under the race detector take seconds.
RACE        := ./internal/dataset ./internal/graph ./internal/kernel
# What the tracked files may weigh together, in bytes (45 MiB): everybody who clones the project pays for them.
TREE_LIMIT  := 47185920
PLATFORMS   := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: build test check format vet lint size race bench kernels asm cuda fuzz dist clean

build:
	go build -o nat ./cmd/nat

test:
	go test ./...

check: format vet lint size test race

format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi

vet:
	go vet ./...

lint:
	go run $(STATICCHECK) ./...

size:
	@bytes=$$(git ls-files -z | xargs -0 cat | wc -c); \
	if [ $$bytes -gt $(TREE_LIMIT) ]; then echo "tracked files: $$bytes bytes, more than $(TREE_LIMIT)"; exit 1; fi

# The race detector needs a C compiler on most platforms; where there is none, the tests can't be had.
race:
	@if command -v $$(go env CC) >/dev/null; then set -x; go test -race -short $(RACE); \
	else echo "no C compiler: the race detector is left out"; fi

# bench times the steps of a search in alternation with the same in PyTorch, and prints ratios; it needs a quiet machine and
# a python3 with torch. kernels runs the Go benchmarks of single kernels.
bench:
	$(PYTHON) bench/compare.py

kernels:
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./internal/kernel

# asm writes the assembly anew; it fails if that differs from what is committed.
asm:
	go generate ./internal/kernel
	git diff --exit-code -- internal/kernel

# cuda compiles the kernels of graphics cards to PTX anew, which needs clang 14; it fails if that differs from what is
# committed.
cuda:
	go generate ./internal/gpu/kernels
	git diff --exit-code -- internal/gpu/kernels

# fuzz gives every fuzz test of the tree FUZZTIME. Minimising is kept short: on inputs of kilobytes it takes all of that.
fuzz:
	@git grep -o '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | while IFS=: read -r file declaration; do \
		name=$${declaration#func }; echo "$$name ($$file)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x "./$$(dirname $$file)" || exit 1; \
	done

# dist builds the files of a release. Those for Linux find graphics cards and need the C library glibc; those called static
# need nothing at all, and compute on the processor.
dist: clean
	@mkdir -p dist
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/} suffix=; if [ $$os = windows ]; then suffix=.exe; fi; \
		echo "dist/nat-$(VERSION)-$$os-$$arch$$suffix"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags "-s -w -X nat/internal/cli.release=$(VERSION)" \
			-o "dist/nat-$(VERSION)-$$os-$$arch$$suffix" ./cmd/nat || exit 1; \
	done
	@for arch in amd64 arm64; do \
		echo "dist/nat-$(VERSION)-linux-$$arch-static"; \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -tags static -trimpath -ldflags "-s -w -X nat/internal/cli.release=$(VERSION)" \
			-o "dist/nat-$(VERSION)-linux-$$arch-static" ./cmd/nat || exit 1; \
	done
	@cd dist && { sha256sum nat-* 2>/dev/null || shasum -a 256 nat-*; } > SHA256SUMS

clean:
	rm -rf dist nat
