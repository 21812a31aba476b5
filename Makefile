# The two that matter: make run, make test.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c

GO     ?= go
PYTHON ?= python3
BUILD  := $(GO) build -trimpath -buildvcs=false
BIN    := bin
GPU    := $(BIN)/gpu
SHARING := darts gdas enas spos
SOURCE := $(shell find cmd engine genome plugins -name '*.go' -o -name '*.yaml' -o -name '*.html' -o -name '*.txt' -o -name '*.s' -o -name '*.proto' -o -name '*.py' 2>/dev/null) go.mod go.sum

all: $(BIN)/nascent $(BIN)/nascent-evaluator-exec $(BIN)/nascent-strategy-exec $(BIN)/nascent-evaluator-gorgonia $(BIN)/nascent-evaluator-onemax $(BIN)/nascent-evaluator-table $(BIN)/nascent-evaluator-torch \
	$(BIN)/nascent-strategy-qlearning $(BIN)/nascent-strategy-reinforce $(BIN)/nascent-strategy-supernet $(BIN)/nascent-evaluator-supernet \
	$(addprefix $(BIN)/nascent-strategy-,$(SHARING))

# One program under several names: what drives other programs serves both kinds,
# and so do the strategies that share weights and the evaluator that holds them.
$(BIN)/nascent-strategy-exec: $(BIN)/nascent-evaluator-exec
	ln -sf $(<F) $@

$(BIN)/nascent-evaluator-supernet $(addprefix $(BIN)/nascent-strategy-,$(SHARING)): $(BIN)/nascent-strategy-supernet
	ln -sf $(<F) $@

$(BIN)/nascent: $(SOURCE)
	$(BUILD) -o $@ ./cmd/nascent

$(BIN)/nascent-evaluator-%: $(SOURCE)
	$(BUILD) -o $@ ./plugins/evaluators/$*

$(BIN)/nascent-strategy-%: $(SOURCE)
	$(BUILD) -o $@ ./plugins/strategies/$*

# Evolves a network on MNIST-1D; once more: goes on, or shows its report.
run: all
	$(BIN)/nascent run mnist1d

# Everything that is tested, the slowest tests at the end. What the tests build with
# -trimpath is then compiled once.
test:
	$(GO) test -trimpath -json -timeout 20m ./... | $(GO) run ./cmd/nascent/internal/slowest

# What shared weights are good for, measured in full: minutes.
science:
	$(GO) test -run SharedWeights -v -timeout 30m ./plugins/strategies/supernet -args -whole

# Everything that takes a GPU; docs/gpu.md. ARGS="--device cpu --quick" rehearses it
# on a processor.
gpu-check:
	@PYTHONPATH=plugins/evaluators/torch:plugins/python PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -W ignore -m gpucheck $(ARGS)

# What gpu-check needs on a machine without Go, small enough to be carried: 65 MB.
gpu-programs:
	$(BUILD) -ldflags '-s -w' -o $(GPU)/nascent ./cmd/nascent
	$(BUILD) -ldflags '-s -w' -o $(GPU)/nascent-evaluator-exec ./plugins/evaluators/exec
	$(BUILD) -ldflags '-s -w' -o $(GPU)/nascent-evaluator-torch ./plugins/evaluators/torch
	$(BUILD) -ldflags '-s -w' -o $(GPU)/nascent-strategy-supernet ./plugins/strategies/supernet

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	@if command -v staticcheck >/dev/null; then staticcheck ./...; else echo "staticcheck is not installed: skipped (go install honnef.co/go/tools/cmd/staticcheck@latest)"; fi

clean:
	rm -rf $(BIN)

.PHONY: all run test science gpu-check gpu-programs bench lint clean
