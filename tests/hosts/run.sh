#!/usr/bin/env bash
# Runs the tests on hosts, as root; arguments pick claims by name.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Built by whoever runs this, so that nothing in target becomes root's.
cargo test --no-run --test hosts
if [[ $EUID -eq 0 ]]; then
    exec cargo test --test hosts -- "$@"
fi
exec sudo -n --preserve-env=PATH,SOAK,KEEP,BESIDE,IDLE_SECONDS,HOME,CARGO_HOME,RUSTUP_HOME cargo test --test hosts -- "$@"
