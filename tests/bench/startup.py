"""From the agents' start to four registered brokers, beside the same JVMs with the same command lines, environments
and files started by hand at once. The release is unpacked beforehand on both sides, the stores are empty."""
import os
import pathlib
import shutil
import statistics
import subprocess
import time

import lab

PAIRS = 3
HEAPS = '[namesrv]\nheap = "128M"\n[broker]\nheap = "256M"'


def wait_registered(cluster, began):
    """Seconds until every NameServer knows all four brokers."""
    for namesrv in cluster.namesrvs():
        lab.until("four registered brokers", lambda: len(lab.registered(namesrv)) == 4, 0.02)
    return time.monotonic() - began


def instances(cluster):
    """Folder, command line and environment of every JVM that runs."""
    found = []
    for host in cluster.hosts:
        for instance in cluster.report(host)["instances"]:
            process = pathlib.Path(f"/proc/{instance['pid']}")
            def words(file):
                return (process / file).read_bytes().decode().rstrip("\0").split("\0")
            environment = dict(word.split("=", 1) for word in words("environ"))
            found.append((pathlib.Path(os.readlink(process / "cwd")), words("cmdline"), environment))
    return found


def clear(cluster):
    """Back to hosts on which nothing but the release is."""
    for host in cluster.hosts:
        shutil.rmtree(cluster.dir / host / "state", ignore_errors=True)
        for folder in cluster.base(host).iterdir():
            if folder.name != "dist" and folder.is_dir():
                shutil.rmtree(folder)


def with_agents(cluster):
    clear(cluster)
    began = time.monotonic()
    cluster.start()
    took = wait_registered(cluster, began)
    cluster.stop()
    return took


def by_hand(cluster, jvms, confs):
    clear(cluster)
    for folder, _, _ in jvms:
        for name in ("store", "logs", "tmp"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(confs[folder], folder / "conf")
    began = time.monotonic()
    for folder, command, environment in jvms:
        with (folder / "console.log").open("w") as console:
            subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=console,
                             stderr=console)
    took = wait_registered(cluster, began)
    lab.kill_below(cluster.dir)
    return took


with lab.Cluster("startup", "2m-2s-sync", 2, HEAPS) as cluster:
    lab.say("startup: unpacking the release and warming up")
    cluster.start()
    cluster.wait_ready()
    jvms = instances(cluster)
    confs = {folder: cluster.dir / f"conf-{index}" for index, (folder, _, _) in enumerate(jvms)}
    for folder, copy in confs.items():
        shutil.copytree(folder / "conf", copy)
    cluster.stop()
    agents, hand = [], []
    for pair in range(PAIRS):
        lab.say(f"startup: pair {pair + 1} of {PAIRS}")
        agents.append(with_agents(cluster))
        hand.append(by_hand(cluster, jvms, confs))
    lab.say(f"startup: agents {agents}, by hand {hand}")
agent, beside = statistics.median(agents), statistics.median(hand)
lab.row("start to four registered brokers", f"{agent:.1f} s", f"by hand {beside:.1f} s", f"{agent / beside:.2f}",
        "≤ 1.1×")
