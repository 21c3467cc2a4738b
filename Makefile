# One command per need; `make` alone lists them. CI runs `make test`, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CLAIMS := cluster-claims rollout-after-hosts
# The suites of clusters that run after the hosts, so that both lanes take as long.
AFTER_HOSTS := rollout alone acl
ifneq ($(MAKECMDGOALS),$(CLAIMS))
.NOTPARALLEL:
endif
.DELETE_ON_ERROR:

# Where rustup puts cargo: not yet in PATH in the shell that ran `make setup`.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# The RocketMQ versions that the tests run against: the oldest and newest of 4.x that are met, and the newest.
VERSIONS := 4.7.0 4.9.4 5.5.0
DIST := target/rocketmq
ZIPS := $(VERSIONS:%=$(DIST)/rocketmq-all-%-bin-release.zip)
# The official client that proxies are for.
GRPC_VERSION := 5.0.8
GRPC_CLIENT := $(DIST)/grpc-client/GrpcClient.class
CLIENTS := $(VERSIONS:%=$(DIST)/client-%/Client.class)

# The releases whose configuration keys are checked in: the first, the last and those most met of each line.
CATALOGUED := 4.5.2 4.7.0 4.9.4 4.9.7 5.1.4 5.3.3 5.5.0

# Test programs that need no JVM and no etcd: all but these.
QUICK := $(filter-out catalogue cluster hosts sources,$(sort \
	$(basename $(notdir $(wildcard tests/*.rs agent/*/tests/*.rs))) \
	$(notdir $(patsubst %/main.rs,%,$(wildcard tests/*/main.rs agent/*/tests/*/main.rs)))))

.PHONY: help setup build release distribution client catalogue lint quick fuzz sim sources cluster $(CLAIMS) \
	rollout-claims hosts-claims hosts hosts-tools more soak test test-all demo clean-demo bench packaging-tools deb rpm packages-check

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Install what building and testing need (Debian, Ubuntu); nothing to do: < 1 s
	@tests/setup.sh

build: setup ## Build the agent for development: target/debug/rocketmq-agent
	cargo build

release: setup ## Build the agent as it is shipped: target/release/rocketmq-agent
	cargo build --release --locked

lint: setup ## Formatting and clippy, warnings are errors
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings

quick: setup ## The tests that start no RocketMQ
	cargo test --workspace --lib --bins $(addprefix --test ,$(QUICK))
	cargo test --workspace --doc

# `make quick` runs each for a second.
fuzz: setup ## Every parser on made-up inputs, SECONDS=60 each; what ends one is written to target/fuzz
	cargo test --test fuzz -- --seconds=$(or $(SECONDS),60)

# The same tests as in `quick`, on a hundred thousand seeds and many more states. SEED=n replays one seed.
sim: export SEEDS ?= 100000
sim: export STATES ?= 80000
sim: setup ## Config sync under every fault, from seeds; one again with all that happened: SEED=n make sim
	cargo test --profile simulation -p rocketmq-agent-domain --test simulation -- --nocapture

sources: setup ## The tests on a document that lies in etcd, behind an address or in a Git repository
	@tests/setup.sh etcd
	cargo test --test sources

distribution: setup ## RocketMQ zips of all tested versions, from Maven Central: target/rocketmq
	@for version in $(VERSIONS); do tests/rocketmq/make-distribution.sh $$version; done

client: distribution $(CLIENTS) $(GRPC_CLIENT) ## The Java test client against each version: target/rocketmq/client-VERSION

# Holds Client.class and the jars it was compiled against: java -cp 'FOLDER/lib/*:FOLDER' Client ...
$(CLIENTS): $(DIST)/client-%/Client.class: tests/java/Client.java $(DIST)/rocketmq-all-%-bin-release.zip
	rm -rf $(@D) && mkdir -p $(@D)
	unzip -q -j $(word 2,$^) '*/lib/*.jar' -d $(@D)/lib
	javac -nowarn -cp '$(@D)/lib/*' -d $(@D) $<

$(GRPC_CLIENT): tests/java/GrpcClient.java
	rm -rf $(@D) && mkdir -p $(@D)/lib
	mvn -q --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
		-Dartifact=org.apache.rocketmq:rocketmq-client-java:$(GRPC_VERSION) -DoutputDirectory=$(abspath $(@D)/lib)
	javac -nowarn -cp '$(@D)/lib/*' -d $(@D) $<

$(ZIPS): $(DIST)/rocketmq-all-%-bin-release.zip:
	@tests/rocketmq/make-distribution.sh $*

catalogue: setup ## Read the configuration keys of all catalogued releases out of their jars anew
	@for version in $(CATALOGUED); do tests/rocketmq/make-distribution.sh $$version; done
	RELEASES='$(CATALOGUED)' UPDATE_EXPECTED=1 cargo test --test catalogue
	RELEASES='$(CATALOGUED)' cargo test --test catalogue

cluster: client ## The tests on real RocketMQ clusters of all tested versions
	@$(MAKE) --no-print-directory cluster-claims rollout-claims

cluster-claims:
	cargo test --test catalogue
	cargo test --test cluster -- $(AFTER_HOSTS:%=--not=%)

rollout-claims:
	cargo test --test cluster -- $(AFTER_HOSTS:%=--only=%)

# Both packages differ in nothing but the version: one is upgraded to the other.
hosts-tools: client ## What the test hosts are made of: their roots, two packages
	@tests/setup.sh deb hosts
	tests/hosts/roots.sh
	packaging/build.sh deb
	DEB_VERSION=$$(cargo pkgid | sed 's/.*[#@]//')+next-1 packaging/build.sh deb

hosts: hosts-tools ## The tests on hosts that boot a systemd of their own
	@$(MAKE) --no-print-directory hosts-claims

hosts-claims:
	tests/hosts/run.sh

rollout-after-hosts: hosts-claims
	@$(MAKE) --no-print-directory rollout-claims

more: hosts-tools ## Clusters and hosts that take too long for `make test`: more releases, modes, distributions, slow stories
	cargo test --test cluster -- --more
	tests/hosts/run.sh --more

soak: hosts-tools ## Losses of power under load, SOAK=20 of them, and longer stories of such losses
	SOAK=$(or $(SOAK),20) tests/hosts/run.sh --soak

# Those on real JVMs mostly wait, for routes to age or a host to boot, so that two run side by side. Hosts take less time
# than clusters, and so have the roll-outs after them.
test: export PACKAGE_PROFILE := dev
test: ## A claim of every kind, quick things first; what CI runs
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory quick
	@$(MAKE) --no-print-directory sources
	@$(MAKE) --no-print-directory hosts-tools
	cargo test --no-run --test catalogue --test cluster --test hosts
	@$(MAKE) --no-print-directory --jobs=2 $(CLAIMS)

test-all: ## All claims: hours
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory more
	@$(MAKE) --no-print-directory soak

demo: setup build ## A whole cluster on this machine, to look at: tests/demo.sh
	@tests/rocketmq/make-distribution.sh 5.5.0
	tests/demo.sh

clean-demo: ## Remove what it wrote
	tests/demo.sh clean

bench: release ## Measure the agent: tests/bench/run.sh
	tests/bench/run.sh

packaging-tools: ## Install what the packages are built and checked with; the first time some minutes
	@tests/setup.sh packaging

deb: packaging-tools ## The Debian package, with a static program: target/packages
	packaging/build.sh deb

rpm: packaging-tools ## The rpm package, likewise
	packaging/build.sh rpm

# Not in `make test`: building the tools and two releases takes longer than everything there.
packages-check: packaging-tools ## Build both packages twice and check them: packaging/check.sh
	packaging/check.sh
