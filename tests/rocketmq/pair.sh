#!/usr/bin/env bash
# Runs one NameServer, one master and its slave of a RocketMQ version on 127.0.0.1, by hand, without the agent.
#
#   tests/rocketmq/pair.sh ZIP FOLDER [PORT]
#
# The NameServer listens on PORT (default 21000), the master (brokerName broker-a) on PORT+10, its slave on PORT+20.
# Everything they write stays below FOLDER, which must be new. Prints "ready" when all three serve and the slave has
# connected to its master; runs until Ctrl-C or SIGTERM and stops what it started. For recording frames
# (tests/fixtures/frames/record.py) and for trying the remoting client against a real broker.
set -euo pipefail

[[ $# -ge 2 && $# -le 3 ]] || { sed -n '4s/^# *//p' "$0" >&2; exit 2; }
zip=$1
folder=$2
port=${3:-21000}
mkdir "$folder"
folder=$(cd "$folder" && pwd)
unzip -q "$zip" -d "$folder/dist"
home=$(echo "$folder"/dist/*)

# What RocketMQ 4.x reaches into on Java 9 and newer; without these it fails at start or after an unclean stop.
opens=()
for package in java.nio java.lang sun.nio.ch jdk.internal.ref; do
    opens+=(--add-opens "java.base/$package=ALL-UNNAMED")
done

pids=()
stop() {
    # The brokers first: a NameServer that went before them makes their goodbye wait for a time-out.
    local i
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill "${pids[i]}" 2>/dev/null || true; done
    wait
}
trap stop EXIT
trap 'exit 0' INT TERM

start() { # NAME HEAP MAIN-CLASS ARGUMENT...
    local name=$1 heap=$2 class=$3
    shift 3
    mkdir -p "$folder/$name/tmp"
    ROCKETMQ_HOME=$home java -Xms"$heap" -Xmx"$heap" -XX:MaxDirectMemorySize=512m -XX:+UseSerialGC "${opens[@]}" \
        -Duser.home="$folder/$name" -Djava.io.tmpdir="$folder/$name/tmp" \
        -cp "$home/lib/*" "$class" "$@" >"$folder/$name/out.log" 2>&1 </dev/null &
    pids+=($!)
}

broker() { # NAME ROLE BROKER-ID PORT
    mkdir -p "$folder/$1"
    cat >"$folder/$1/broker.conf" <<CONF
brokerClusterName=DefaultCluster
brokerName=broker-a
brokerId=$3
brokerRole=$2
listenPort=$4
brokerIP1=127.0.0.1
brokerIP2=127.0.0.1
namesrvAddr=127.0.0.1:$port
storePathRootDir=$folder/$1/store
storePathCommitLog=$folder/$1/store/commitlog
mappedFileSizeCommitLog=16777216
mappedFileSizeConsumeQueue=600000
slaveReadEnable=true
totalReplicas=2
inSyncReplicas=2
registerNameServerPeriod=10000
CONF
    start "$1" 256m org.apache.rocketmq.broker.BrokerStartup -c "$folder/$1/broker.conf"
}

wait_for() { # WHAT COMMAND...: at most 90 s until the command succeeds
    local what=$1 i pid
    shift
    for ((i = 0; i < 900; i++)); do
        "$@" 2>/dev/null && return
        for pid in "${pids[@]}"; do
            kill -0 "$pid" 2>/dev/null || { echo "$what is not ready: a process ended, see $folder/*/out.log" >&2; exit 1; }
        done
        sleep 0.1
    done
    echo "$what is not ready after 90 s: see $folder" >&2
    exit 1
}
booted() { grep -q 'boot success' "$folder/$1/out.log"; }
# 01 is "established"; the slave keeps one connection to its master's HA port, which is the listen port + 1.
slave_connected() { cat /proc/net/tcp /proc/net/tcp6 | grep -q "$(printf ':%04X [0-9A-F]*:[0-9A-F]* 01 ' $((port + 11)))"; }

mkdir -p "$folder/namesrv"
echo "listenPort=$port" >"$folder/namesrv/namesrv.conf"
start namesrv 128m org.apache.rocketmq.namesrv.NamesrvStartup -c "$folder/namesrv/namesrv.conf"
wait_for NameServer booted namesrv
# The slave learns its master's address from the NameServer, so the master registers first.
broker master SYNC_MASTER 0 $((port + 10))
wait_for master booted master
broker slave SLAVE 1 $((port + 20))
wait_for slave booted slave
wait_for 'the link from slave to master' slave_connected
echo "ready: NameServer 127.0.0.1:$port, master 127.0.0.1:$((port + 10)), slave 127.0.0.1:$((port + 20))"
wait
