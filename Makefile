# `make` builds, mints a throw-away PKI for the lab and renders it; `make test` runs everything.

# Where cargo builds: CARGO_TARGET_DIR and `build.target-dir` are cargo's to read.
TARGET := $(shell cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
FIRSTBOOT := $(patsubst $(CURDIR)/%,%,$(TARGET))/release/firstboot
LAB := examples/lab
SUDO := $(if $(filter 0,$(shell id -u)),,sudo )

.PHONY: all bench build pki rehearse test test-busy test-etcds test-vm test-chaos lint deny clean install
.DELETE_ON_ERROR:

all: build pki
	$(FIRSTBOOT) render --new $(LAB)/cluster.yaml
	@echo
	@echo "read it:       less out/etcd-cluster-0/controller-0/user-data"
	@echo "boot it here:  $(SUDO)$(FIRSTBOOT) rehearse $(LAB)/cluster.yaml"
	@echo "your own:      $(FIRSTBOOT) init DIR, a directory that will hold keys; then render there"

build:
	cargo build --release --locked

pki: $(LAB)/pki/ca.pem

$(LAB)/pki/ca.pem: | build
	$(FIRSTBOOT) pki mint $(LAB)/cluster.yaml

rehearse: build pki
	$(SUDO)$(FIRSTBOOT) rehearse $(LAB)/cluster.yaml

test:
	sh tests/run

bench:
	cargo bench --locked --bench pki
	cargo bench --locked --bench speed

# The tests that need no privilege, three times, while both processors do other things.
test-busy:
	sh tests/run-busy

# What each of six etcds makes of certificates, and of blank machines beside all kinds of peers.
test-etcds:
	sh tests/run-etcds

test-vm:
	sh tests/run-vm

test-chaos:
	sh tests/run-chaos

lint:
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	sh tests/run-shellcheck

deny:
	sh tests/run-deny

# The program, its manual and what shells complete; DESTDIR is for packagers.
PREFIX ?= /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
BASH_DIR = $(SHARE)/bash-completion/completions
ZSH_DIR = $(SHARE)/zsh/site-functions
FISH_DIR = $(SHARE)/fish/vendor_completions.d

install: build
	install -D -m 0755 $(FIRSTBOOT) $(DESTDIR)$(PREFIX)/bin/firstboot
	install -d $(SHARE)/man/man1 $(BASH_DIR) $(ZSH_DIR) $(FISH_DIR)
	$(FIRSTBOOT) man --output $(SHARE)/man/man1
	$(FIRSTBOOT) completions bash >$(BASH_DIR)/firstboot
	$(FIRSTBOOT) completions zsh >$(ZSH_DIR)/_firstboot
	$(FIRSTBOOT) completions fish >$(FISH_DIR)/firstboot.fish

clean:
	cargo clean
	rm -rf $(LAB)/pki $(LAB)/cluster.lock out/etcd-cluster-0
