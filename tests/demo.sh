#!/usr/bin/env bash
# Brings up a double-master-double-slave cluster from one cluster.toml: two agents, "vm1" and "vm2", on this machine,
# each with its own address, ports and folders. Shows it, sends and receives through it, stays until Ctrl-C, and then
# stops every JVM cleanly.
#
#   demo.sh            stay until Ctrl-C
#   demo.sh --once     end by itself when all is shown
#   demo.sh clean      remove what an earlier demo left
#
# DEMO_DIR      where its folders go; what an earlier demo left there is taken up again
# DEMO_VERSION  the RocketMQ release (default 5.5.0)
set -euo pipefail
umask 022 # as root, the JVMs run as another user, who must get to its folders
root=$(cd "$(dirname "$0")/.." && pwd)
version=${DEMO_VERSION:-5.5.0}
dir=${DEMO_DIR:-/var/tmp/rocketmq-agent-demo-$(id -un)}
agent=${AGENT:-$root/target/debug/rocketmq-agent}
zip=$root/target/rocketmq/rocketmq-all-$version-bin-release.zip
deadline=300 # seconds for the cluster to be ready, and for it to stop

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() { echo "demo: $*" >&2; exit 1; }

if [ "${1:-}" = clean ]; then
  pgrep -f -- "-Duser.home=$dir/" >/dev/null && fail "a demo still runs: stop it with Ctrl-C first"
  rm -rf -- "$dir"
  exit 0
fi
for need in "$agent" "$zip"; do [ -f "$need" ] || fail "$need is missing: run 'make demo'"; done
mkdir -p "$dir"
cat >"$dir/cluster.toml" <<EOF
[cluster]
mode = "2m-2s-sync"

[rocketmq]
version = "$version"
source = "$zip"

[namesrv]
heap = "128M"

[broker]
heap = "256M"

[[host]]
name = "vm1"
address = "127.0.0.1"
base_dir = "$dir/vm1/rocketmq"

# A second "VM" on this machine: another address of lo, with ports and folders of its own.
[[host]]
name = "vm2"
address = "127.0.0.2"
base_dir = "$dir/vm2/rocketmq"
agent_port = 9887
namesrv = { port = 9886 }
broker = { port = 10951, slave_port = 11951 }
EOF

declare -A pid=()
for host in vm1 vm2; do
  mkdir -p "$dir/$host"
  cat >"$dir/$host/agent.toml" <<EOF
host = "$host"
cluster_file = "$dir/cluster.toml"
state_dir = "$dir/$host/state"
supervisor = "embedded"
control_socket = "$dir/$host/control.sock"
EOF
done

stop() {
  trap '' INT TERM
  [ ${#pid[@]} -gt 0 ] || return 0
  say "stopping every JVM cleanly"
  kill -TERM "${pid[@]}" 2>/dev/null || true
  local status=0
  for host in "${!pid[@]}"; do wait "${pid[$host]}" || status=1; done
  local left
  left=$(find "$dir" -path '*/store/abort' | sort)
  [ -z "$left" ] || { echo "demo: not stopped cleanly: $left" >&2; status=1; }
  [ $status -eq 0 ] && echo "all stopped; no abort file is left"
  exit $status
}
trap stop INT TERM

say "one cluster.toml for both hosts: $dir/cluster.toml"
"$agent" check "$dir/cluster.toml"

say "starting the agents of vm1 and vm2 (their logs: $dir/vm*/agent.log)"
for host in vm1 vm2; do
  # In a session of its own, so that Ctrl-C in the terminal reaches this script alone, which then asks the agents.
  setsid "$agent" --config "$dir/$host/agent.toml" run >>"$dir/$host/agent.log" 2>&1 &
  pid[$host]=$!
done

status() { "$agent" --config "$dir/vm1/agent.toml" status "$@"; }
began=$SECONDS
shown=
until status --json 2>/dev/null | grep -q '^{[^[]*"ready":true'; do
  for host in vm1 vm2; do
    kill -0 "${pid[$host]}" 2>/dev/null || { tail -n 5 "$dir/$host/agent.log" >&2; unset "pid[$host]"; stop; }
  done
  if [ $((SECONDS - began)) -gt $deadline ]; then
    status || true
    echo "demo: not ready after $deadline s" >&2
    stop
  fi
  now=$(status 2>/dev/null | awk -F '  +' '$1 ~ /^ *vm[12]/ { sub(/^ /, "", $1); printf "  %s/%s %s", $1, $2, $5 }' || true)
  if [ -n "$now" ] && [ "$now" != "$shown" ]; then printf '%4ds%s\n' $((SECONDS - began)) "$now"; shown=$now; fi
  read -rt 1 <> <(:) || true # a pause that Ctrl-C ends at once
done
echo "ready after $((SECONDS - began)) s"

say "the cluster"
status

say "sending and receiving 100 messages through each master"
"$agent" --config "$dir/vm1/agent.toml" smoke --count 100

say "health over HTTP"
for url in 127.0.0.1:9877/readyz 127.0.0.2:9887/readyz 127.0.0.1:9877/health/broker-a/master \
  127.0.0.1:9877/health/broker-b/slave?max_lag=1MB 127.0.0.1:9877/rocketmq/nsaddr 127.0.0.1:9877/metrics 127.0.0.1:9877/; do
  printf '  http://%s\n' "$url"
done

if [ "${1:-}" = --once ]; then stop; fi
say "it runs until Ctrl-C. To try: $agent --config $dir/vm1/agent.toml status --watch"
wait -n "${pid[@]}" || true
echo "demo: an agent has ended; the last lines of its log:" >&2
tail -n 5 "$dir"/vm*/agent.log >&2
stop
