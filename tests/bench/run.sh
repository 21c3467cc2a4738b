#!/usr/bin/env bash
# Measures the release build of the agent and prints one table: what, how much, what it is held against, the ratio, the
# target. It judges nothing: it fails only where it could not measure. `make bench` builds the agent first.
#
#   run.sh                  everything, about an hour
#   run.sh idle http …      only these: idle http restart startup plan sync hosts
#
# AGENT       the agent to measure (default target/release/rocketmq-agent)
# BENCH_PORT  the first of 700 ports on loopback (default 25000)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
all=(idle http restart startup plan sync hosts)
fail() { echo "bench: $*" >&2; exit 1; }

agent=${AGENT:-$root/target/release/rocketmq-agent}
[ -x "$agent" ] || fail "$agent is missing: run 'make bench'"
declare -A needs=([idle]="python3 java nginx" [http]="python3 java nginx wrk" [restart]="python3" [startup]="python3 java" [plan]="python3" [sync]="python3 ss" [hosts]="systemd-nspawn debootstrap")
[ $# -gt 0 ] || set -- "${all[@]}"
for section; do
  [ -n "${needs[$section]+known}" ] || fail "there is no section $section; there are ${all[*]}"
  for tool in ${needs[$section]}; do
    command -v "$tool" >/dev/null || fail "$section needs $tool: apt-get install python3 openjdk-17-jre-headless nginx-light wrk iproute2"
  done
  case $section in
    idle | http | startup) "$root/tests/rocketmq/make-distribution.sh" 5.5.0 >&2 ;;
    restart) (cd "$root" && cargo build --release --locked --quiet --example standin) ;;
    hosts) make -C "$root" --no-print-directory hosts-tools >&2 ;;
    plan) (cd "$root" && cargo build --release --locked --quiet --example plan) ;;
    sync)
      (cd "$root" && cargo build --release --locked --quiet --example longpoll --example pullers)
      "$here/tools.sh"
      ;;
  esac
done

BENCH_WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/rocketmq-agent-bench.XXXXXX")
export BENCH_WORK PYTHONDONTWRITEBYTECODE=1
trap 'rm -rf "$BENCH_WORK"' EXIT
status=0
for section; do
  case $section in
    plan) "$root/target/release/examples/plan" ;;
    http) python3 "$here/load.py" ;;
    hosts) "$root/tests/hosts/run.sh" bench | tee /dev/stderr | sed -n 's/^ROW\t//p' ;;
    *) python3 "$here/$section.py" ;;
  esac | sed "s/^/$section\t/" >>"$BENCH_WORK/rows" || status=1 # The others can still be measured.
done
python3 "$here/table.py" <"$BENCH_WORK/rows"
exit $status
