#!/usr/bin/env bash
# Installs a release build (`make release`) on this host, without a package. Starts nothing, and keeps files that were
# edited. DESTDIR puts everything below another root.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
dest=${DESTDIR:-}
binary=$root/target/release/rocketmq-agent
[ -x "$binary" ] || { echo "install: $binary is missing: run 'make release'" >&2; exit 1; }

# Beside the old one and renamed: a running agent keeps its program.
install -D -m 0755 "$binary" "$dest/usr/bin/rocketmq-agent.new"
mv "$dest/usr/bin/rocketmq-agent.new" "$dest/usr/bin/rocketmq-agent"
install -D -m 0644 "$root/systemd/rocketmq-agent.service" "$dest/usr/lib/systemd/system/rocketmq-agent.service"
install -D -m 0644 "$root/LICENSE" "$dest/usr/share/doc/rocketmq-agent/LICENSE"
for file in cluster.toml agent.toml; do
  [ -e "$dest/etc/rocketmq-agent/$file" ] || install -D -m 0644 "$root/conf/$file" "$dest/etc/rocketmq-agent/$file"
done
cat <<'END'
Installed. Next:
  edit /etc/rocketmq-agent/cluster.toml   (the same file on every host)
  rocketmq-agent check
  systemctl daemon-reload && systemctl enable --now rocketmq-agent
  rocketmq-agent status
END
