# After unpacking. $1: 1 at installation, 2 at an upgrade. Starts nothing; a running agent is restarted in postun.sh.
systemd-sysusers rocketmq-agent.conf || :
if [ -d /run/systemd/system ]; then
    systemd-tmpfiles --create rocketmq-agent.conf || :
    systemctl daemon-reload || :
fi
if [ "$1" -eq 1 ]; then
    if [ -d /run/systemd/system ]; then
        # Only the keys of 60-rocketmq-agent.conf, from all files in their order: an administrator's own value wins.
        # Fails in containers, whose kernel is not theirs to set.
        /usr/lib/systemd/systemd-sysctl --prefix=/vm/max_map_count --prefix=/vm/swappiness || :
    fi
    echo "rocketmq-agent is installed and not running. Next:"
    echo "  edit /etc/rocketmq-agent/cluster.toml    the same file on every host"
    echo "  rocketmq-agent check"
    echo "  systemctl enable --now rocketmq-agent"
    echo "  rocketmq-agent status"
fi
exit 0
