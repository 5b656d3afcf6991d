# vpncloud. 'make help' lists what can be made.

SWIFT          ?= swift
SWIFT_OPTIONS  ?=
TEST_OPTIONS   ?=
BENCH_OPTIONS  ?=
LAB_OPTIONS    ?= -j 4
LAB_MATRIX_OPTIONS ?=
SOAK_SECONDS   ?= 600,300

PREFIX         ?= /usr/local
DESTDIR        ?=
bindir         ?= $(PREFIX)/bin
datadir        ?= $(PREFIX)/share
mandir         ?= $(datadir)/man
docdir         ?= $(datadir)/doc/vpncloud
unitdir        ?= $(PREFIX)/lib/systemd/system
bashdir        ?= $(datadir)/bash-completion/completions
zshdir         ?= $(datadir)/zsh/site-functions
fishdir        ?= $(datadir)/fish/vendor_completions.d
wiresharkdir   ?= $(datadir)/vpncloud/wireshark

INSTALL        ?= install
INSTALL_PROGRAM ?= $(INSTALL) -m 755
INSTALL_DATA   ?= $(INSTALL) -m 644

# The Swift runtime becomes part of the program, so that it runs where no Swift is. Linked by lld of the toolchain, since
# other linkers warn of a function (mktemp) in the runtime that the program does not use.
release := -c release --static-swift-stdlib -Xswiftc -use-ld=lld
program := .build/release/vpncloud
sources := Sources Tests Benchmarks Package.swift
# What is installed to be read.
documents := README.md CHANGELOG.md LICENSE share/example.yaml docs/inspecting.md docs/recording.md docs/scenarios.md \
	docs/report.md share/scenario.schema.json docs/lab.md docs/implementations.md docs/interop.md
# Programs that 'lab matrix' can start. The one in Python stays with the tests.
implementations := $(filter-out %/reference.yaml,$(wildcard implementations/*.yaml))
# What Wireshark loads, once its user links to the folder (docs/inspecting.md).
dissector := wireshark/vpncloud.lua wireshark/vpncloud-key.lua

.PHONY: all build demo demo-sim test soak lab interop bench bench-peers bench-sim check format install install-strip uninstall clean help

all: build

build: ## Build the program for release, as .build/release/vpncloud (what plain 'make' does)
	@scripts/install-dependencies --check build
	$(SWIFT) build $(release) $(SWIFT_OPTIONS)

demo: ## Install what is missing, build, and show three nodes that become one network
	@scripts/install-dependencies demo || scripts/install-dependencies --check build
	$(SWIFT) build $(release) $(SWIFT_OPTIONS)
	@scripts/demo $(program)

demo-sim: build ## Show nodes in the simulator, which needs no rights
	@scripts/demo-sim $(program)

test: ## Install what is missing, build, and run every test (TEST_OPTIONS='--filter NAME')
	@scripts/test $(SWIFT_OPTIONS) $(TEST_OPTIONS)

soak: ## Run two nodes at full load, 10 minutes with offload and 5 without (SOAK_SECONDS=600,300), and judge
	@VPNCLOUD_SOAK=$(SOAK_SECONDS) scripts/test $(SWIFT_OPTIONS) --filter KernelTests.Soak

lab: build ## Play the scenarios that are marked for it on the real kernel (LAB_OPTIONS='-j 4', see lab run --help)
	@scripts/install-dependencies test || scripts/install-dependencies --check build
	$(program) lab run $(LAB_OPTIONS) $(shell grep -l '^lab:' scenarios/*.yaml)

interop: build ## Let this program and the reference in Python talk with all settings, and renew docs/interop.md
	@scripts/install-dependencies test || scripts/install-dependencies --check build
	$(program) lab matrix implementations/reference.yaml --markdown docs/interop.md $(LAB_MATRIX_OPTIONS)

bench: ## Measure the parts of the data path, and compare with the record (BENCH_OPTIONS=--update renews it)
	$(SWIFT) build -c release --product data-path-benchmark $(SWIFT_OPTIONS)
	.build/release/data-path-benchmark --baseline Benchmarks/DataPath/baseline.json $(BENCH_OPTIONS)

bench-peers: ## Compare with other VPNs on this machine (BENCH_OPTIONS='--rounds 3 --quick', see --help)
	@scripts/install-dependencies bench || scripts/install-dependencies --check build
	$(SWIFT) build $(release) $(SWIFT_OPTIONS)
	Benchmarks/Peers/peers run $(BENCH_OPTIONS)

bench-sim: ## Measure the emulated network (BENCH_OPTIONS='idle mesh', see --help)
	$(SWIFT) build -c release --product simulator-benchmark $(SWIFT_OPTIONS)
	.build/release/simulator-benchmark $(BENCH_OPTIONS)

check: ## Check format, warnings, the manual page and the scripts
	@scripts/install-dependencies --check check
	$(SWIFT) format lint --strict --recursive --parallel $(sources)
	$(SWIFT) build --build-tests $(SWIFT_OPTIONS)
	@test -z "$$(mandoc -T lint -W warning docs/vpncloud.1)" || { mandoc -T lint -W warning docs/vpncloud.1; false; }
	shellcheck scripts/* .ci/run

format: ## Bring the Swift sources into the format that 'make check' asks for
	$(SWIFT) format --in-place --recursive --parallel $(sources)

# Built when missing, and not anew, so that 'make && sudo make install' works where root has no Swift.
$(program):
	$(SWIFT) build $(release) $(SWIFT_OPTIONS)

install: $(program) ## Install program, manual, completions, systemd unit and dissector (PREFIX, DESTDIR)
	$(INSTALL) -d "$(DESTDIR)$(bindir)" "$(DESTDIR)$(mandir)/man1" "$(DESTDIR)$(docdir)" "$(DESTDIR)$(unitdir)"
	$(INSTALL) -d "$(DESTDIR)$(bashdir)" "$(DESTDIR)$(zshdir)" "$(DESTDIR)$(fishdir)" "$(DESTDIR)$(wiresharkdir)"
	$(INSTALL_PROGRAM) $(program) "$(DESTDIR)$(bindir)/vpncloud"
	$(INSTALL_DATA) docs/vpncloud.1 "$(DESTDIR)$(mandir)/man1/vpncloud.1"
	$(INSTALL_DATA) $(documents) "$(DESTDIR)$(docdir)"
	$(INSTALL_DATA) $(dissector) "$(DESTDIR)$(wiresharkdir)"
	$(INSTALL) -d "$(DESTDIR)$(docdir)/implementations"
	$(INSTALL_DATA) $(implementations) "$(DESTDIR)$(docdir)/implementations"
	sed 's|/usr/local/bin/|$(bindir)/|' share/systemd/vpncloud@.service > "$(DESTDIR)$(unitdir)/vpncloud@.service"
	chmod 644 "$(DESTDIR)$(unitdir)/vpncloud@.service"
	$(program) --generate-completion-script bash > "$(DESTDIR)$(bashdir)/vpncloud"
	$(program) --generate-completion-script zsh > "$(DESTDIR)$(zshdir)/_vpncloud"
	$(program) --generate-completion-script fish > "$(DESTDIR)$(fishdir)/vpncloud.fish"
	chmod 644 "$(DESTDIR)$(bashdir)/vpncloud" "$(DESTDIR)$(zshdir)/_vpncloud" "$(DESTDIR)$(fishdir)/vpncloud.fish"

install-strip: ## The same, without symbols in the program, which makes it half as large
	$(MAKE) INSTALL_PROGRAM='$(INSTALL_PROGRAM) -s' install

uninstall: ## Remove what 'make install' put there, with the same PREFIX and DESTDIR
	rm -f "$(DESTDIR)$(bindir)/vpncloud" "$(DESTDIR)$(mandir)/man1/vpncloud.1"
	rm -f "$(DESTDIR)$(unitdir)/vpncloud@.service"
	rm -f "$(DESTDIR)$(bashdir)/vpncloud" "$(DESTDIR)$(zshdir)/_vpncloud" "$(DESTDIR)$(fishdir)/vpncloud.fish"
	rm -f $(foreach file,$(notdir $(documents)),"$(DESTDIR)$(docdir)/$(file)")
	rm -f $(foreach file,$(notdir $(dissector)),"$(DESTDIR)$(wiresharkdir)/$(file)")
	rm -f $(foreach file,$(implementations),"$(DESTDIR)$(docdir)/$(file)")
	-rmdir "$(DESTDIR)$(docdir)/implementations" "$(DESTDIR)$(docdir)" "$(DESTDIR)$(wiresharkdir)" "$(DESTDIR)$(datadir)/vpncloud"

clean: ## Remove everything that was built
	rm -rf .build

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
