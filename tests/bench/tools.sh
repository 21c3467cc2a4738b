#!/usr/bin/env bash
# Puts the programs that config sync is measured beside into target/tools: etcd, confd, Consul, consul-template, Serf.
# What cannot be had is said and left out; the benchmark goes on without it.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
into=$root/target/tools
mkdir -p "$into/bin"
new=$(mktemp -d "${TMPDIR:-/var/tmp}/rocketmq-agent-tools.XXXXXX")
trap 'chmod -R u+w "$new" && rm -rf "$new"' EXIT

say() { echo "bench: $*" >&2; }
missing() { ! [[ -x $into/bin/$1 ]]; }

# The last Debian that has Consul, a single program, is 11; its package is unpacked and not installed.
consul() {
    local apt=(apt-get -qq -o "Dir::Etc::SourceList=$new/sources" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$new/lists"
        -o "Dir::Cache=$new/cache" -o APT::Sandbox::User=root)
    mkdir -p "$new/lists/partial" "$new/cache/archives/partial"
    echo "deb ${DEBIAN_MIRROR:-http://deb.debian.org/debian} bullseye main" >"$new/sources"
    "${apt[@]}" update && (cd "$new" && "${apt[@]}" download consul && dpkg-deb -x consul_*.deb unpacked) &&
        mv "$new/unpacked/usr/bin/consul" "$into/bin/consul"
}

installed() { GOBIN=$into/bin go install "$1"; } # PACKAGE@VERSION

# The last release names no versions of what it needs: these go together.
confd() {
    local module=github.com/kelseyhightower/confd
    local wants=(github.com/coreos/etcd@v3.3.27+incompatible google.golang.org/grpc@v1.26.0 github.com/hashicorp/consul/api@v1.20.0
        github.com/hashicorp/vault/api@v1.9.2 github.com/garyburd/redigo@v1.6.4 github.com/kelseyhightower/memkv@v0.1.1
        github.com/coreos/go-systemd@v0.0.0-20191104093116-d3cd4ed1dbcf)
    go mod download $module@v0.16.0 && cp -r "$(go env GOMODCACHE)/$module@v0.16.0" "$new/confd" && chmod -R u+w "$new/confd" &&
        cd "$new/confd" && go mod init $module &&
        go mod edit -go=1.17 -replace=github.com/coreos/bbolt=go.etcd.io/bbolt@v1.3.4 "${wants[@]/#/-require=}" &&
        GOFLAGS=-mod=mod go build -o "$into/bin/confd" .
}

"$root/tests/setup.sh" etcd || say 'etcd cannot be had here'
if missing consul && ! consul >&2; then say 'Consul cannot be had here'; fi
if missing serf && ! installed github.com/hashicorp/serf/cmd/serf@v0.10.2; then say 'Serf cannot be had here'; fi
if missing consul-template && ! installed github.com/hashicorp/consul-template@v0.41.1; then
    say 'consul-template cannot be had here'
fi
if missing confd && ! (confd) >&2; then say 'confd cannot be had here'; fi
exit 0
