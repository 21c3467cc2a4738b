#!/usr/bin/env bash
# Makes the Debian roots, each with systemd and a Java, that test hosts boot from: target/hosts/roots/SUITE. Once each.
set -euo pipefail
roots=$(cd "$(dirname "$0")/../.." && pwd)/target/hosts/roots

as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi; }

make_root() { # SUITE JAVA_PACKAGE
    local suite=$1 root=$roots/$1
    [[ -e $root.made ]] && return
    echo "hosts: a root of Debian $suite, which takes a minute or two" >&2
    as_root rm -rf "$root"
    mkdir -p "$root"
    as_root debootstrap --variant=minbase \
        --include="systemd,systemd-sysv,dbus,iproute2,procps,ca-certificates,$2" "$suite" "$root" >"$root.log" 2>&1 ||
        { tail -20 "$root.log" >&2; exit 1; }
    # Each host gets its own.
    as_root rm -f "$root/etc/machine-id" "$root/etc/hostname"
    as_root find "$root/var/cache/apt/archives" -name '*.deb' -delete
    touch "$root.made"
}

make_root bookworm openjdk-17-jre-headless
make_root bullseye openjdk-17-jre-headless
make_root trixie openjdk-21-jre-headless
