# `make` builds, mints a throw-away PKI for the lab and renders it; `make test` runs everything.

FIRSTBOOT := target/release/firstboot
LAB := examples/lab
SUDO := $(if $(filter 0,$(shell id -u)),,sudo )

.PHONY: all bench build pki rehearse test test-vm lint deny clean install
.DELETE_ON_ERROR:

all: build pki
	$(FIRSTBOOT) render $(LAB)/cluster.yaml
	@echo
	@echo "read it:       less out/etcd-cluster-0/controller-0/user-data"
	@echo "boot it here:  $(SUDO)$(FIRSTBOOT) rehearse $(LAB)/cluster.yaml"
	@echo "your own:      copy $(LAB)/cluster.yaml to a directory of your own (it will hold keys), edit it,"
	@echo "               and run firstboot pki mint and firstboot render there"

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

test-vm:
	sh tests/run-vm

lint:
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	shellcheck -s sh -e SC1091 templates/bootstrap templates/install-etcd templates/bake/provision tests/run tests/run-vm .ci/run

deny:
	cargo deny --all-features check bans licenses sources

install: build
	install -D -m 0755 $(FIRSTBOOT) $(DESTDIR)$(or $(PREFIX),/usr/local)/bin/firstboot

clean:
	cargo clean
	rm -rf $(LAB)/pki out/etcd-cluster-0
