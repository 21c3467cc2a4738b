"""How fast a committed cluster file is on the disks of all hosts, what config sync costs while nothing happens, and what
one config host does for 5,000 that follow it; beside a bare long poll in the same run, and where they can be had beside
etcd with confd, Consul with consul-template, and Serf.

Time begins when the value lies on the disk of whoever decides on it first (the config hosts, the long poll's server); for
the other programs, which do not show that, when they are given it."""
import os
import resource
import statistics
import subprocess
import threading
import time

import lab
import others
import syncing

HOSTS = [int(count) for count in os.environ.get("SYNC_HOSTS", "1 10 100").split()]
TIMES = int(os.environ.get("SYNC_TIMES", "20"))
# Some questions long; a new connection, which comes once an hour, is mostly not in it.
IDLE = int(os.environ.get("SYNC_IDLE", "660"))
PULLERS = int(os.environ.get("SYNC_PULLERS", "5000"))
COMMITS = 10
REST = 2  # seconds after a change, so that everybody asks again


def once(change, arrivals, word, followers, deciders=()):
    """Milliseconds to the last follower from the first decider, and to that one from the order."""
    time.sleep(REST)
    arrivals.forget()
    began = time.monotonic()
    order = threading.Thread(target=change)
    order.start()
    first, last = arrivals.wait(word, followers, deciders)
    order.join()
    return 1000 * (last - (first or began)), 1000 * ((first or began) - began)


def in_turns(count):
    """The agents and the long poll, one change of each after the other, so that both meet the same machine."""
    with syncing.Agents(f"agents-{count}", count) as agents, LongPoll(count) as polls:
        agents.wait_for(1)
        folders = {host: agents.ledger(host) for host in agents.running}
        followers, deciders = ([folders[host] for host in hosts] for hosts in (agents.followers, syncing.CONFIG_HOSTS))
        outs, server = [polls.dir / name for name in polls.names], polls.dir / "server"
        found = []
        with syncing.Arrivals(folders.values()) as arrivals, syncing.Arrivals([*outs, server]) as polled:
            for turn in range(TIMES + 1):
                text = f"{agents.file}# {turn}\n"
                entry = f"epoch-1-generation-{turn + 2}.entry"
                ours = once(lambda: agents.commit(text), arrivals, entry, followers, deciders)
                bare = once(lambda: polls.put(text), polled, f"{turn + 2}.entry", outs, [server])
                found.append((*ours, bare[0]))
        return zip(*found[1:])  # The first one warms up.


class LongPoll(syncing.Programs):
    """One server, and so many that follow it."""

    def __init__(self, count):
        super().__init__(f"longpoll-{count}")
        self.url = f"127.0.0.1:{lab.PORT + 600}"
        self.names = [f"f{number}" for number in range(count)]
        self.start("server", [syncing.LONGPOLL, "serve", self.url, self.folder("server")])
        for name in self.names:
            self.start(name, [syncing.LONGPOLL, "follow", self.url, self.folder(name)])
        lab.until("long poll", lambda: self.alive() and self.put("first"))
        lab.until("first value", lambda: all((self.dir / name / "1.entry").exists() for name in self.names))

    def put(self, value):
        try:
            others.request("PUT", f"http://{self.url}/", value.encode())
            return True
        except OSError:
            return False


def of_other(program, count, text):
    with program(count) as hosts:
        hosts.wait()
        with syncing.Arrivals(hosts.outs()) as arrivals:
            # Serf takes no more than some hundred bytes.
            values = [f"{text[:400]}# {turn}\n" for turn in range(TIMES + 1)]
            return [once(lambda: hosts.put(value), arrivals, "value", hosts.outs())[0] for value in values][1:]


def show_spread(count):
    lab.say(f"sync: {count} hosts")
    agents, decided, polled = in_turns(count)
    text = syncing.file_of(count)
    ours, bare = statistics.median(agents), statistics.median(polled)
    what = f"commit to the last of {count} hosts, p50"
    lab.row(what, f"{ours:.1f} ms", f"bare long poll {bare:.1f} ms", f"{ours / bare:.2f}", "≤ 1.5×")
    lab.row(f"{what}: the fastest and the slowest of {TIMES}", f"{min(agents):.1f}, {max(agents):.1f} ms",
            f"bare long poll {min(polled):.1f}, {max(polled):.1f} ms")
    lab.row("order to commit, p50", f"{statistics.median(decided):.1f} ms")
    for program in others.ALL:
        missing = program.missing()
        if missing:
            lab.row(what, "", f"{program.title}: no {' and no '.join(missing)} here")
            continue
        lab.say(f"sync: {count} hosts, {program.title}")
        try:
            time_of = statistics.median(of_other(program, count, text))
            lab.row(what, f"{ours:.1f} ms", f"{program.title} {time_of:.1f} ms", f"{ours / time_of:.2f}")
        except SystemExit as error:  # The others can still be measured.
            lab.row(what, "", f"{program.title}: {str(error).splitlines()[0]}")


def show_idle():
    """A follower with and without config sync, and one that follows a long poll."""
    lab.say(f"sync: idle, {IDLE} s")
    with syncing.Agents("idle", 3) as synced, syncing.Agents("alone", 1, first=50, secret=False) as alone, LongPoll(1) as polls:
        synced.wait_for(1)
        time.sleep(20)  # They settle.
        pid = {"synced": synced.all["f0"].pid, "alone": alone.all["f0"].pid, "poll": polls.all["f0"].pid}
        before = {name: lab.cpu([one]) for name, one in pid.items()}
        counted = syncing.Traffic(pid.values())
        end = time.monotonic() + IDLE
        while time.monotonic() < end:
            time.sleep(1)
            counted.look()
        minutes = IDLE / 60
        cpu = {name: 1000 * (lab.cpu([one]) - before[name]) / minutes for name, one in pid.items()}
        count = {name: counted.bytes(one, 9878 if name == "synced" else None) / minutes for name, one in pid.items()}
    lab.row("idle, a host and minute: bytes of config sync", f"{count['synced']:.0f}",
            f"bare long poll {count['poll']:.0f}", f"{count['synced'] / count['poll']:.1f}", "≤ 500")
    lab.row("idle, a host and minute: CPU with config sync, without", f"{cpu['synced']:.1f}, {cpu['alone']:.1f} ms",
            f"bare long poll {cpu['poll']:.2f} ms", "", "difference ≤ 0.5 ms")


def show_pullers():
    lab.say(f"sync: {PULLERS} pullers")
    with syncing.Agents("pullers", PULLERS, running=[]) as agents:
        agents.wait_for(1)
        config_host = agents.all["c2"].pid
        empty = lab.memory([config_host])[0]
        pullers = subprocess.Popen(
            [syncing.PULLERS, f"{agents.address['c2']}:9878", "c2", agents.dir / "c2/secret", syncing.CLUSTER, "0",
             str(PULLERS)], stdout=subprocess.PIPE, text=True)
        try:
            began, spent = time.monotonic(), lab.cpu([config_host])
            if pullers.stdout.readline().strip() != "ready":
                raise SystemExit("bench: the pullers have ended")
            connected = time.monotonic() - began
            lab.row(f"{PULLERS} pullers of one config host: all connected and served once", f"{connected:.1f} s",
                    f"{lab.cpu([config_host]) - spent:.2f} s of CPU")
            time.sleep(10)
            rest = lab.memory([config_host])[0]
            idle = lab.cpu([config_host])
            time.sleep(60)
            idle = lab.cpu([config_host]) - idle
            times, cpu, peak = [], [], 0
            with syncing.Arrivals([agents.ledger("c2")]) as arrivals:
                for turn in range(COMMITS):
                    spent = lab.cpu([config_host])
                    order = threading.Thread(target=agents.commit, args=(agents.file + f"# {turn}\n",))
                    order.start()
                    arrivals.wait(f"epoch-1-generation-{turn + 2}.entry", [agents.ledger("c2")])
                    committed = time.time_ns()
                    times.append([(int(at) - committed) / 1e6 for at in pullers.stdout.readline().split()])
                    peak = max(peak, lab.memory([config_host])[0])
                    order.join()
                    time.sleep(REST)
                    cpu.append(lab.cpu([config_host]) - spent)
        finally:
            pullers.kill()
            pullers.wait()
    size = len(agents.file) / 1024
    half, most, last = (statistics.median(column) for column in zip(*times))
    lab.row(f"{PULLERS} pullers: a change of {size:.0f} KiB there, p50 · p99 · last", f"{half:.0f} · {most:.0f} · {last:.0f} ms")
    lab.row(f"{PULLERS} pullers: CPU of a change · at rest", f"{statistics.median(cpu):.2f} s · {100 * idle / 60:.2f} % of a core")
    lab.row(f"{PULLERS} pullers: RSS without, at rest, at most", f"{empty:.0f} · {rest:.0f} · {peak:.0f} MiB")


# A connection is a file.
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
for part in os.environ.get("SYNC_PARTS", "spread idle pullers").split():
    if part == "spread":
        for count in HOSTS:
            show_spread(count)
    else:
        {"idle": show_idle, "pullers": show_pullers}[part]()
