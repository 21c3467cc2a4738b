#!/usr/bin/env bash
# Checks the packages: builds both, looks at them with their formats' own tools, installs, upgrades and removes the rpm
# in a root of its own, and builds both again in another folder to compare the bytes. Needs root, or sudo, for rpm.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
out=$root/target/packages
export PACKAGING_TOOLS=$root/target/tools
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
say() { printf '\n== %s\n' "$*"; }
fail() { echo "check: $*" >&2; exit 1; }
as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi; }
same() { # WHAT EXPECTED FOUND
    [[ $2 == "$3" ]] || fail "$1"$'\n'"$(diff <(echo "$2") <(echo "$3"))"
}
scratch=$(mktemp -d /tmp/rocketmq-agent-packages.XXXXXX)
trap 'as_root rm -rf "$scratch"' EXIT

say "build"
rm -f "$out"/*.deb "$out"/*.rpm
packaging/build.sh deb rpm
deb=$(echo "$out"/rocketmq-agent_*_amd64.deb)
rpm=$(echo "$out"/rocketmq-agent-*.x86_64.rpm)
configuration=$'/etc/rocketmq-agent/agent.toml\n/etc/rocketmq-agent/cluster.toml'

say "deb: lintian, configuration files, scripts"
# What it may say is in packaging/deb/lintian-overrides, with the reasons.
lintian_options=(--fail-on error,warning --info --pedantic)
[[ $EUID -ne 0 ]] || lintian_options+=(--allow-root)
lintian "${lintian_options[@]}" "$deb"
dpkg-deb --ctrl-tarfile "$deb" | tar -xC "$scratch"
same "conffiles" "/etc/needrestart/conf.d/rocketmq-agent.conf"$'\n'"$configuration" "$(sort "$scratch/conffiles")"
for script in postinst prerm postrm; do sh -n "$scratch/$script"; done
same "a libc is needed" "systemd (>= 247)" "$(dpkg-deb --field "$deb" Depends)"

say "what the program is built from"
dpkg-deb --fsys-tarfile "$deb" | tar -xC "$scratch" ./usr/bin/rocketmq-agent ./usr/share/doc/rocketmq-agent
python3 packaging/built_from.py "$scratch/usr/bin/rocketmq-agent" "$scratch/usr/share/doc/rocketmq-agent/rocketmq-agent.cdx.json" "$root"

say "rpm: digests, configuration files, scripts"
rpm -K --nosignature "$rpm"
same "configuration files" "$configuration" "$(rpm -qpc "$rpm" | sort)"
requires=$(rpm -qp --requires "$rpm" | grep -Ev '^(rpmlib|config)\(' | sort -u | xargs)
same "a libc is needed" "/bin/sh systemd >= 239" "$requires"
rpm -qp --scripts "$rpm" | sed 's/^\(post\|pre\)[a-z]* scriptlet .*/# &/' | tee "$scratch/scripts" | grep scriptlet
sh -n "$scratch/scripts"
same "the formats differ" "$(dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -E '/(bin|systemd|sysusers.d|tmpfiles.d|sysctl.d)/.*[^/]$' | sort)" \
    "$(rpm -qpl "$rpm" | sed 's/^/./' | grep -E '/(bin|systemd|sysusers.d|tmpfiles.d|sysctl.d)/' | sort)"

say "rpm: install, edit, upgrade, erase"
# Without the scripts, which want a system; `cluster.toml` is edited, and stays.
rpm_root=$scratch/root
RPM_RELEASE=2 packaging/build.sh rpm
newer=$(echo "$out"/rocketmq-agent-*-2.x86_64.rpm)
[[ -f $newer ]] || fail "no newer rpm was built"
in_root() { as_root rpm --root "$rpm_root" "$@"; }
as_root mkdir -p "$rpm_root"
in_root --nodeps --noscripts -i "$rpm"
[[ $("$rpm_root/usr/bin/rocketmq-agent" --version) == "rocketmq-agent "* ]] || fail "the program does not run"
echo '# edited' | as_root tee -a "$rpm_root/etc/rocketmq-agent/cluster.toml" >/dev/null
in_root --nodeps --noscripts -U "$newer"
grep -q '^# edited' "$rpm_root/etc/rocketmq-agent/cluster.toml" || fail "the upgrade has lost an edit"
same "after the upgrade" "2" "$(in_root -q --queryformat '%{RELEASE}' rocketmq-agent)"
in_root --noscripts -e rocketmq-agent
[[ ! -e $rpm_root/usr/bin/rocketmq-agent ]] || fail "the program is left behind"
grep -q '^# edited' "$rpm_root/etc/rocketmq-agent/cluster.toml.rpmsave" || fail "erasing has lost an edit"
rm -f "$newer"

say "the same bytes from another folder, at another time"
mkdir "$scratch/again"
tar -c --exclude=./.git --exclude=./target . | tar -x --touch -C "$scratch/again"
(umask 077 && cd "$scratch/again" && HOST_TARGET_DIR=$root/target packaging/build.sh deb rpm)
for package in "$deb" "$rpm"; do
    cmp "$package" "$scratch/again/target/packages/$(basename "$package")" || fail "not reproducible: $package"
    sha256sum "$package"
done
say "all is well"
