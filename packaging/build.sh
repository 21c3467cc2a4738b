#!/usr/bin/env bash
# Builds the packages that are named (deb, rpm) into target/packages. Needs what `tests/setup.sh packaging` installs.
#
# One commit gives the same bytes wherever and whenever it is built: times come from the commit, paths of this machine
# are kept out of the program, and the packages are put together from a copy whose times and modes are set.
#
# The program names the crates that it is built from (cargo-auditable, its section .dep-v0), and an SBOM in the format of
# CycloneDX lies beside it.
#
# PACKAGE_PROFILE=dev puts a program into the package that is built in a third of the time, without these two: for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
profile=${PACKAGE_PROFILE:-release}
folder=${profile/dev/debug}
target=x86_64-unknown-linux-musl
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export PATH="${PACKAGING_TOOLS:-$root/target/tools}/bin:$cargo_home/bin:$PATH"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
# Debian's musl-tools; ring's C code is compiled with it.
export CC_x86_64_unknown_linux_musl=musl-gcc
export CFLAGS_x86_64_unknown_linux_musl="-ffile-prefix-map=$cargo_home=cargo"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET CARGO_TARGET_DIR

build=(cargo build)
sbom=target/sbom/rocketmq-agent.cdx.json
rm -rf target/sbom && mkdir -p target/sbom
if [[ $profile == release ]]; then
    build=(cargo auditable build)
    # It writes one beside each manifest. The program's own names the other crate of this tree too.
    cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --no-build-deps --override-filename sbom
    sed "s,file://$root,file:///rocketmq-agent,g" sbom.json >"$sbom"
    rm -f sbom.json agent/domain/sbom.json
fi
"${build[@]}" --profile "$profile" --locked --target "$target" --bin rocketmq-agent --config profile.dev.strip=true \
    --config "target.$target.rustflags = ['--remap-path-prefix=$cargo_home=cargo', '--remap-path-prefix=$root=.']"
CARGO_TARGET_DIR=${HOST_TARGET_DIR:-target} cargo run --quiet --locked --example manual -- target/manual

stage=target/packages/stage
rm -rf "$stage"
mkdir -p "$stage"
tar -c --exclude=./.git --exclude='./target/*' --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX . \
    --transform "s,^target/$target/$folder/,target/$target/release/," \
    "target/$target/$folder/rocketmq-agent" target/manual target/sbom | tar -x -C "$stage"
cd "$stage"
[[ -e $sbom ]] || sed -i "\\,$sbom,d" Cargo.toml
for format in "$@"; do
    case $format in
    deb) cargo deb --quiet --no-build --locked --target "$target" --output "$root/target/packages/" ${DEB_VERSION:+--deb-version "$DEB_VERSION"} ;;
    rpm) cargo generate-rpm --target "$target" --output "$root/target/packages/" ${RPM_RELEASE:+--set-metadata "release = \"$RPM_RELEASE\""} ;;
    *) echo "build: no such format: $format" >&2; exit 2 ;;
    esac
done
rm -rf "$root/$stage"
