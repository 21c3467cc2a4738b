# Before removal. $1: 0 at removal, 1 at an upgrade. Stops the agent; the JVMs are not its unit's business.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now rocketmq-agent.service || :
fi
exit 0
