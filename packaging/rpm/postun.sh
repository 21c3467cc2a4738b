# After removal. $1: 0 at removal, 1 at an upgrade, where this is the old package's script and the new files lie there.
give_back() {
    # Earlier programs start nothing in an instance's folder that is root's. The folders are read from the units; each lies
    # in one of root's, so that nobody else can have put a link in its place.
    /usr/bin/rocketmq-agent owns-homes >/dev/null 2>&1 && return
    for unit in /etc/systemd/system/rocketmq-*.service; do
        [ -f "$unit" ] && head -n 1 "$unit" | grep -q '^# Made by rocketmq-agent' || continue
        home=$(sed -n 's/^WorkingDirectory=//p' "$unit")
        if [ -d "$home" ] && [ ! -L "$home" ]; then chown -h 3000:3000 "$home"; fi
    done
}
if [ "$1" -ge 1 ]; then give_back; fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ "$1" -ge 1 ]; then systemctl try-restart rocketmq-agent.service || :; fi
fi
if [ "$1" -eq 0 ]; then
    echo "rocketmq-agent: RocketMQ processes that it started run on, and nobody watches them now."
    echo "  'ps -u rocketmq -o pid,args' shows them; SIGTERM ends one cleanly."
    echo "  Kept are /var/lib/rocketmq-agent, /var/lib/rocketmq, every base_dir and the user rocketmq."
fi
exit 0
