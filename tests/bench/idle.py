"""What the agent takes while nothing happens: memory and CPU over a minute, beside an idle nginx."""
import time

import lab

SECONDS = 60
HEAPS = '[namesrv]\nheap = "96M"\n[broker]\nheap = "192M"'


def idle(pids):
    before = lab.cpu(pids)
    time.sleep(SECONDS)
    return 100 * (lab.cpu(pids) - before) / SECONDS, *lab.memory(pids)


def show(name, pids, nginx, agents=1):
    lab.say(f"idle, {name}: {SECONDS} s")
    share, rss, anonymous = idle(pids)
    nginx_share, nginx_rss, nginx_anonymous = nginx
    share, rss, anonymous = share / agents, rss / agents, anonymous / agents
    lab.row(f"{name}: RSS", f"{rss:.1f} MiB", f"nginx {nginx_rss:.1f} MiB", f"{rss / nginx_rss:.2f}", "≤ 12 MiB")
    lab.row(f"{name}: of it, not from files", f"{anonymous:.1f} MiB", f"nginx {nginx_anonymous:.1f} MiB",
            f"{anonymous / nginx_anonymous:.2f}")
    lab.row(f"{name}: CPU of a core", f"{share:.3f} %", f"nginx {nginx_share:.3f} %", "", "≤ 0.1 %")


with lab.Nginx({"/readyz": b"ready\n"}) as server:
    lab.say(f"idle, nginx: {SECONDS} s")
    beside = idle(server.pids())
for name, mode, hosts in [("single", "single", 1), ("2m-2s", "2m-2s-sync", 2)]:
    with lab.Cluster(f"idle-{mode}", mode, hosts, HEAPS) as cluster:
        cluster.start()
        cluster.wait_ready()
        time.sleep(15)  # The JVMs and the probe settle.
        each = ", each agent" if hosts > 1 else ""
        show(f"{name} cluster{each}", cluster.pids(), beside, hosts)
