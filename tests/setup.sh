#!/usr/bin/env bash
# Installs what building and testing need on Debian and Ubuntu, where it is missing; asks nothing, and does nothing
# where all is there. As root, or through sudo. Rust goes to the account that runs this (~/.cargo/bin; make finds it).
# On top, `setup.sh deb` installs what the Debian package is built with, `setup.sh packaging` what building and checking
# both packages needs (target/tools; some minutes), `setup.sh hosts` what hosts with a systemd of their own are made with,
# `setup.sh etcd` the etcd that sources of the cluster file are tested with (target/tools/etcd; unpacked, not installed).
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
root=$(cd "$(dirname "$0")/.." && pwd)
rust_needed=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$root/Cargo.toml" | head -1)
jdk_needed=17
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
at_least() { printf '%s\n%s\n' "$1" "$2" | sort -C -V; } # at_least NEEDED FOUND

jdk_version() { # From the file beside bin, as starting a JVM to ask takes long.
    local home
    have javac || return
    home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
    sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null
}

as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n env DEBIAN_FRONTEND=noninteractive "$@"; fi
}

can_install() { have apt-get && { [[ $EUID -eq 0 ]] || sudo -n true 2>/dev/null; }; }

candidate() { # PACKAGE: whether the distribution has it
    [[ $(apt-cache policy "$1" 2>/dev/null) =~ Candidate:\ [^\(] ]]
}

install() { # PACKAGE...
    say "apt-get install $*"
    as_root apt-get install -y -qq --no-install-recommends "$@" >&2
}

system_packages() {
    local missing=() jdk='' pair
    # COMMAND:PACKAGE. build-essential is known by three of its commands.
    for pair in cc:build-essential c++:build-essential make:build-essential pkg-config:pkg-config curl:curl \
        unzip:unzip zip:zip python3:python3 mvn:maven haproxy:haproxy git:git; do
        PATH=$PATH:/usr/sbin have "${pair%%:*}" || [[ " ${missing[*]-} " == *" ${pair#*:} "* ]] || missing+=("${pair#*:}")
    done
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
    at_least "$jdk_needed" "$(jdk_version)" || jdk=openjdk-$jdk_needed-jdk-headless
    [[ -n $jdk || ${#missing[@]} -gt 0 ]] || return 0

    if ! can_install; then
        say "missing: ${missing[*]-} $jdk"
        say 'this takes apt-get (Debian, Ubuntu) and either root or sudo without a password'
        exit 1
    fi
    say 'apt-get update'
    as_root apt-get update -qq
    if [[ -n $jdk ]]; then
        # The newest distributions have only later JDKs. First and alone: with a JDK there, Maven does not bring the
        # distribution's default one as a second.
        candidate "$jdk" || jdk=default-jdk-headless
        install "$jdk"
    fi
    [[ ${#missing[@]} -eq 0 ]] || install "${missing[@]}"
}

rust_is_there() {
    have cargo && have rustc && have cargo-clippy && have rustfmt &&
        at_least "$rust_needed" "$(cd "$root" && rustc --version 2>/dev/null | cut -d' ' -f2)"
}

rust() {
    rust_is_there && return
    if ! have rustup; then
        # Debian's rustup would replace a cargo from packages; beside one, the installer of rustup's own is used.
        if ! have cargo && can_install && candidate rustup; then
            install rustup
        else
            say 'installing rustup into ~/.cargo'
            local script
            script=$(mktemp)
            curl --proto '=https' --tlsv1.2 -sSfL --retry 3 https://sh.rustup.rs -o "$script" ||
                curl --proto '=https' --tlsv1.2 -sSfL --retry 3 https://static.rust-lang.org/rustup/rustup-init.sh -o "$script"
            RUSTUP_INIT_SKIP_PATH_CHECK=yes sh "$script" -y --no-modify-path --profile minimal --default-toolchain none >&2
            rm -f "$script"
            hash -r
        fi
    fi
    say 'installing the stable Rust toolchain with clippy and rustfmt'
    rustup toolchain install stable --profile minimal --component clippy --component rustfmt --no-self-update >&2
    rust_is_there || rustup default stable >&2
    hash -r
    rust_is_there || { say "Rust is older than $rust_needed, or another one hides it: $(command -v rustc || true)"; exit 1; }
}

crate_tool() { # NAME VERSION OPTION...
    grep -qs "^\"$1 $2 " "$root/target/tools/.crates.toml" && return
    say "building $1 $2 into target/tools"
    cargo install --quiet --locked --root "$root/target/tools" "$1@$2" "${@:3}"
}

# What the Debian package is built with.
deb() {
    local target=x86_64-unknown-linux-musl
    have musl-gcc || install musl-tools
    if ! [[ -d $(cd "$root" && rustc --print sysroot)/lib/rustlib/$target ]]; then
        have rustup || { say "the Rust target $target is missing, and without rustup it cannot be added"; exit 1; }
        say "adding the Rust target $target"
        (cd "$root" && rustup target add "$target") >&2
    fi
    crate_tool cargo-deb 3.8.0 --no-default-features
    # What a release says of the crates that it is built from.
    [[ ${PACKAGE_PROFILE:-release} == release ]] || return 0
    crate_tool cargo-auditable 0.7.7
    crate_tool cargo-cyclonedx 0.5.9
}

packaging() {
    local missing=() pair
    deb
    for pair in dpkg-deb:dpkg lintian:lintian rpm:rpm; do
        have "${pair%%:*}" || missing+=("${pair#*:}")
    done
    [[ ${#missing[@]} -eq 0 ]] || install "${missing[@]}"
    crate_tool cargo-generate-rpm 0.21.1
}

hosts() {
    local missing=() pair
    for pair in systemd-nspawn:systemd-container debootstrap:debootstrap ip:iproute2 mkfs.ext4:e2fsprogs \
        nsenter:util-linux; do
        PATH=$PATH:/usr/sbin:/sbin have "${pair%%:*}" || missing+=("${pair#*:}")
    done
    [[ ${#missing[@]} -eq 0 ]] || install "${missing[@]}"
}

etcd() {
    local into=$root/target/tools/etcd new
    [[ -x $into/usr/bin/etcd ]] && return
    have apt-get || { say 'etcd comes from the distribution, and there is no apt-get'; exit 1; }
    say 'unpacking etcd-server into target/tools/etcd'
    mkdir -p "$root/target/tools"
    new=$(mktemp -d "$root/target/tools/etcd.XXXXXX")
    cd "$new"
    # The lists may be missing, or older than what is to be had.
    apt-get download -qq etcd-server >&2 || { as_root apt-get update -qq && apt-get download -qq etcd-server >&2; }
    dpkg-deb -x etcd-server_*.deb unpacked
    cd "$root"
    mv -T "$new/unpacked" "$into" || [[ -x $into/usr/bin/etcd ]]
    rm -rf "$new"
}

system_packages
rust
for more in "$@"; do
    case $more in
    deb | packaging | hosts | etcd) "$more" ;;
    *) say "no such part: $more"; exit 2 ;;
    esac
done
