# After removal. $1: 0 at removal, 1 at an upgrade, where this is the old package's script and the new files lie there.
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
