"""From the death of a process to its successor's first instruction: under the agent, in a shell's loop, and under
systemd where this machine runs it. A small program stands in for java, so that no JVM's start is measured."""
import os
import pathlib
import shlex
import signal
import statistics
import subprocess
import time

import lab

TIMES = 30


class Starts:
    """The starts that a stand-in has written down: `PID NANOSECONDS` a line."""

    def __init__(self, file):
        self.file = file
        self.count = 0

    def next(self):
        """Waits for one more."""
        def more():
            text = self.file.read_text() if self.file.exists() else ""
            lines = text[:text.rfind("\n") + 1].splitlines()
            return lines if len(lines) > self.count else None
        lines = lab.until(f"start in {self.file}", more, 0.01)
        self.count = len(lines)
        return map(int, lines[-1].split())


def kill_often(name, starts, settled=lambda pid: None):
    """Kills it TIMES times; shows how long each return took."""
    lab.say(f"restart, {name}: {TIMES} times")
    times = []
    pid, _ = starts.next()
    for _ in range(TIMES):
        settled(pid)
        killed = time.time_ns()
        os.kill(pid, signal.SIGKILL)
        pid, began = starts.next()
        times.append((began - killed) / 1e6)
    return statistics.median(times), sorted(times)[-1 - TIMES // 100]


def under_agent(home):
    # vm1 has a NameServer and nothing else; vm2 is in the file only, so that its brokers are nobody's here.
    hosts = f'java_home = "{home}"\n[namesrv]\nhosts = ["vm1"]\nheap = "64M"\n[broker]\nhosts = ["vm2"]'
    with lab.Cluster("restart", "multi-master", 2, hosts) as cluster:
        cluster.start(["vm1"])

        def settled(pid):
            def ready():
                report = cluster.report("vm1")
                return report and report["ready"] and report["instances"][0]["pid"] == pid
            lab.until("NameServer that is ready", ready, 0.1)
        return kill_often("the agent", Starts(cluster.base("vm1") / "namesrv/console.log"), settled)


def in_shell(folder, command):
    console = folder / "console.log"
    with console.open("w") as out:
        loop = subprocess.Popen(["sh", "-c", f"while :; do {command}; done"], cwd=folder, stdout=out,
                                stderr=subprocess.DEVNULL)
    try:
        return kill_often("a shell's loop", Starts(console))
    finally:
        loop.kill()
        loop.wait()
        lab.kill_below(folder)


def under_systemd(folder, command):
    if not pathlib.Path("/run/systemd/system").exists():
        return None
    console = folder / "systemd.log"
    unit = f"rocketmq-agent-bench-{os.getpid()}"
    properties = ["Restart=always", "RestartSec=0", "StartLimitIntervalSec=0", f"StandardOutput=append:{console}"]
    subprocess.run(["systemd-run", "--quiet", f"--unit={unit}", *(f"-p{each}" for each in properties),
                    *shlex.split(command)], check=True)
    try:
        return kill_often("systemd", Starts(console))
    finally:
        subprocess.run(["systemctl", "stop", unit], check=True)


home = lab.WORK / "java"
(home / "bin").mkdir(parents=True)
(home / "release").write_text('JAVA_VERSION="17.0.1"\n')
java = home / "bin/java"
java.write_bytes(lab.STANDIN.read_bytes())
java.chmod(0o755)
folder = lab.WORK / "loops"
folder.mkdir()
(folder / "namesrv.conf").write_text(f"listenPort={lab.PORT + 90}\n")
command = shlex.join([str(java), "-c", str(folder / "namesrv.conf")])

agent = under_agent(home)
beside = {"shell": in_shell(folder, command), "systemd": under_systemd(folder, command)}
for index, what in enumerate(["p50", "p99"]):
    for name, times in beside.items():
        if times:
            lab.row(f"killed to running again: {what}", f"{agent[index]:.1f} ms", f"{name} {times[index]:.1f} ms",
                    f"{agent[index] / times[index]:.1f}")
