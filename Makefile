# The two that matter: make run, make test.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c

GO     ?= go
PYTHON ?= python3
BUILD   = $(GO) build -trimpath -buildvcs=$(shell git status >/dev/null 2>&1 && echo true || echo false)
BIN    := bin
GPU    := $(BIN)/gpu
DIST   := dist
PREFIX ?= /usr/local
SOURCE := $(shell find cmd engine fleet genome internal plugins -name '*.go' -o -name '*.yaml' -o -name '*.html' -o -name '*.txt' -o -name '*.s' -o -name '*.proto' -o -name '*.py' -o -name '*.sh' 2>/dev/null) go.mod go.sum

# Programs are static, those that tests link too: they run wherever there is Linux.
export CGO_ENABLED ?= 0

all: $(BIN)/nascent $(BIN)/nascent-plugins

$(BIN)/%: $(SOURCE)
	$(BUILD) -o $@ ./cmd/$*

# Evolves a network on MNIST-1D; once more: goes on, or shows its report.
run: all
	$(BIN)/nascent run mnist1d

# Everything that is tested, the slowest tests at the end. All that is compiled, by the
# tests too, is compiled with -trimpath, and so only once. Garbage is collected less
# often than by default: a tenth of the time, for memory that is there.
test: export GOFLAGS := $(shell $(GO) env GOFLAGS) -trimpath
test: export GOGC := 400
test:
	$(GO) test -json -timeout 20m ./... | $(GO) run ./internal/slowest

# What people install (docs/install.md): the wheel for this machine; below PREFIX the
# programs, manual pages and completions; wheels and archives for all machines.
wheel:
	$(GO) run ./internal/release -out $(DIST) wheel

install: export PREFIX := $(PREFIX)
install: export DESTDIR := $(DESTDIR)
install:
	@$(GO) run ./internal/release -prefix "$$PREFIX" -destdir "$$DESTDIR" install

dist:
	$(GO) run ./internal/release -out $(DIST) -arch amd64,arm64 wheel archive

# The programs for arm64 make the searches that were recorded on amd64, digest and all;
# those apart that train networks, whose kernels are not those of amd64 (docs/install.md).
# ONLY=aging: that one.
EMULATOR := qemu-aarch64-static
arm64-check:
	@command -v $(EMULATOR) >/dev/null || { echo "arm64-check needs $(EMULATOR): apt install qemu-user-static"; exit 1; }
	$(GO) run ./internal/release -out $(BIN)/arm64 -arch arm64 -under $(EMULATOR) programs
	$(GO) test -trimpath -timeout 2h -v -run 'TestGolden$$/$(ONLY)' -skip '/(darts|enas|gdas|mnist1d|spos)$$' ./cmd/nascent/goldentest -args -programs $(CURDIR)/$(BIN)/arm64

# Kills searches at random moments and looks for what must never be: docs/reliability.md.
# ARGS="-kills 100 -seed 2 -run checkpoints".
chaos: all
	$(GO) run ./internal/chaos -programs $(BIN) $(ARGS)

# Plants bugs, one at a time, and says which tests catch each; one that survives is an
# error. ARGS="-run target": only those of such a name.
mutants:
	$(GO) run ./internal/mutants $(ARGS)

# What docs/science.md reports: what is missing of the searches over the published tables
# ($$NASCENT_BENCH_DATA), and what shared weights are good for, measured in full: minutes.
# ARGS="-again aging" runs strategies of that name again.
science: all
	$(GO) run ./internal/science -programs $(BIN) $(ARGS)
	$(GO) test -run SharedWeights -v -timeout 30m ./plugins/strategies/supernet -args -whole

# Other programs on the same searches, through the same look-ups: internal/science/peers.py.
# ARGS="--seeds 10 --peers optuna-tpe,optuna-gp"; optuna-gp needs PyTorch, 5 GB.
PINNED := internal/science/peers.txt $(if $(findstring optuna-gp,$(ARGS)),internal/science/peers-gp.txt)
PEERS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nascent-peers-$(shell cat $(PINNED) | sha256sum | cut -c1-12)
bench-peers: all
	@test -e $(PEERS)/ready || { $(PYTHON) -m venv $(PEERS) && $(PEERS)/bin/pip install -q --disable-pip-version-check $(PINNED:%=-r %) \
		&& touch $(PEERS)/ready; } >$(BIN)/peers.log 2>&1 || { echo "bench-peers needs the packages of $(strip $(PINNED)), and they cannot be \
	installed ($(BIN)/peers.log says why): connect to the network, or install them into $(PEERS)"; exit 1; }
	@$(PEERS)/bin/python internal/science/peers.py --nascent $(BIN)/nascent $(ARGS)

# Hosts on Ray itself, which is installed for it below the cache directory (400 MB) and runs
# in a network of its own: as root. Where it cannot be installed the test is skipped.
RAY := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nascent-ray-2.60.0
fleet-test:
	@test -e $(RAY)/ready || { $(PYTHON) -m venv $(RAY) && $(RAY)/bin/pip install -q --disable-pip-version-check 'ray[default]==2.60.0' \
		&& touch $(RAY)/ready; } || echo "Ray cannot be installed: connect to the network"
	@export NASCENT_RAY_PYTHON=$$(test ! -e $(RAY)/ready || echo $(RAY)/bin/python); \
		$(GO) test -trimpath -count=1 -v -timeout 30m ./fleet/place && \
		$(GO) test -trimpath -count=1 -v -parallel 1 -timeout 50m ./cmd/nascent/fleettest -args -long

# Everything that takes a GPU; docs/gpu.md. ARGS="--device cpu --quick" rehearses it
# on a processor.
gpu-check:
	@PYTHONPATH=plugins/evaluators/torch:plugins/torch:plugins/python PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -W ignore -m gpucheck $(ARGS)

# What gpu-check needs on a machine without Go, small enough to be carried: 53 MB.
gpu-programs:
	$(GO) run ./internal/release -out $(GPU) programs

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	@if command -v staticcheck >/dev/null; then staticcheck ./...; else echo "staticcheck is not installed: skipped (go install honnef.co/go/tools/cmd/staticcheck@latest)"; fi

clean:
	rm -rf $(BIN) $(DIST)

.PHONY: all run test fleet-test wheel install dist arm64-check chaos mutants science bench-peers gpu-check gpu-programs bench lint clean
