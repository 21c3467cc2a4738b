"""Hosts that keep one file together, a process each on an address of `lo` of its own; and the moments at which files
come to lie on their disks, as the kernel tells them."""
import ctypes
import http.client
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import time

import lab

LONGPOLL = lab.ROOT / "target/release/examples/longpoll"
PULLERS = lab.ROOT / "target/release/examples/pullers"
CLUSTER = "bench"
CONFIG_HOSTS = ["c1", "c2", "c3"]


class Arrivals:
    """Tells when a file whose name holds a word is put in place in each of some folders (inotify(7))."""
    MOVED_TO = 0x80

    def __init__(self, folders):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.folders = {}
        for folder in folders:
            watch = self.libc.inotify_add_watch(self.fd, os.fsencode(folder), self.MOVED_TO)
            if watch < 0:
                raise SystemExit(f"bench: cannot watch {folder}: errno {ctypes.get_errno()}")
            self.folders[watch] = folder

    def forget(self):
        """What came before does not count."""
        try:
            while os.read(self.fd, 1 << 16):
                pass
        except BlockingIOError:
            pass

    def wait(self, word, followers, deciders=()):
        """When the first of the deciders had it, and when the last of the followers; by the monotonic clock."""
        missing, first = set(followers), None if deciders else 0
        end = time.monotonic() + lab.DEADLINE
        while missing or first is None:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit(f"bench: no {word} in {len(missing)} folders of {len(followers)}")
            now = time.monotonic()
            events, at = os.read(self.fd, 1 << 16), 0
            while at < len(events):
                watch, _, _, length = struct.unpack_from("iIII", events, at)
                name = events[at + 16:at + 16 + length].rstrip(b"\0").decode()
                at += 16 + length
                if name == word:
                    missing.discard(self.folders[watch])
                    if first is None and self.folders[watch] in deciders:
                        first = now
        return first, now

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


class Programs:
    """Processes of one measurement, each with a folder of its own; ended together."""

    def __init__(self, name):
        self.dir = lab.WORK / name
        self.dir.mkdir()
        self.all = {}

    def folder(self, name):
        (self.dir / name).mkdir(exist_ok=True)
        return self.dir / name

    def start(self, name, command, environment=None):
        folder = self.folder(name)
        with open(folder / "log", "a") as log:
            self.all[name] = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL,
                                              stdout=log, stderr=log, env={**os.environ, **(environment or {})})

    def alive(self):
        for name, process in self.all.items():
            if process.poll() is not None:
                raise SystemExit(f"bench: {name} has ended:\n" + (self.dir / name / "log").read_text()[-2000:])
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.all.values():
            process.kill()
        for process in self.all.values():
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def address(number):
    return f"127.78.{number // 250}.{number % 250 + 1}"


def file_of(followers, first=0):
    """The cluster file: three config hosts and those that follow them, witnesses all of them, so that nothing of RocketMQ is
    needed. The host that would run a broker is in the file only."""
    text = f'[cluster]\nname = "{CLUSTER}"\nmode = "single"\n[rocketmq]\nversion = "5.5.0"\nsource = "/none.zip"\n'
    text += f'[sync]\nhosts = {json.dumps(CONFIG_HOSTS)}\n[[host]]\nname = "vm1"\naddress = "{address(first)}"\n'
    for number, host in enumerate(hosts_of(followers), first + 1):
        text += f'[[host]]\nname = "{host}"\naddress = "{address(number)}"\nwitness = true\n'
    return text


def hosts_of(followers):
    return CONFIG_HOSTS + [f"f{number}" for number in range(followers)]


class Agents(Programs):
    """The agents of such a file; `running` are those that follow and run, by default all. Worlds that are there at once
    have another `first` address each."""

    def __init__(self, name, followers, running=None, secret=True, first=0):
        super().__init__(name)
        hosts = hosts_of(followers)
        self.file = file_of(followers, first)
        self.address = {host: address(number) for number, host in enumerate(hosts, first + 1)}
        self.followers = hosts[3:] if running is None else running
        self.running = CONFIG_HOSTS + self.followers
        for host in self.running:
            folder = self.folder(host)
            (folder / "cluster.toml").write_text(self.file)
            if secret:
                (folder / "secret").touch(0o600)
                (folder / "secret").write_text("5e" * 32)
            (folder / "agent.toml").write_text(
                f'host = "{host}"\ncluster_file = "{folder}/cluster.toml"\nstate_dir = "{folder}/state"\n'
                f'listen = "{self.address[host]}:{lab.PORT + 77}"\nsync_listen = "{self.address[host]}:9878"\n'
                f'secret_file = "{folder}/secret"\ncontrol_socket = "{folder}/control.sock"\nsupervisor = "embedded"\n'
                '[embedded]\nrun_as = "self"\n')
            self.start(host, [lab.AGENT, "--config", folder / "agent.toml", "run"])

    def ledger(self, host):
        return self.dir / host / "state/ledger"

    def wait_for(self, generation):
        """Waits until every host holds it."""
        def held():
            return self.alive() and all(
                (self.ledger(host) / f"epoch-1-generation-{generation}.entry").exists() for host in self.running)
        lab.until(f"generation {generation} everywhere", held)

    def ask(self, host, method, path, body=None):
        connection = http.client.HTTPConnection("agent", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.dir / host / "control.sock"))
        connection.request(method, path, body and json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse().read()
        connection.close()
        return json.loads(answer)

    def commit(self, text):
        """Changes the file on the first config host, as `apply` does after it was told yes; the generation."""
        held = self.ask("c1", "GET", "/documents")[-1]
        base = held["document"].split("\n", 1)[0].rsplit(" ", 1)[1]
        wanted = {"base": base, "text": text, "author": "bench", "message": "bench",
                  "voters": {"without": [], "with": []}}
        applied = self.ask("c1", "POST", "/apply", wanted)
        if "committed" not in applied:
            raise SystemExit(f"bench: {applied}")
        return applied["committed"]["generation"]


class Traffic:
    """Bytes, without headers, over the TCP connections that processes opened, also those that end on the way but for
    their last second."""

    def __init__(self, pids):
        self.pids, self.counts = set(pids), {}
        self.begun = {}
        self.look()
        self.begun = dict(self.counts)

    def look(self):
        said = subprocess.run(["ss", "-tinpOH"], capture_output=True, text=True, check=True).stdout
        for line in said.splitlines():
            owner = re.search(r"pid=(\d+)", line)
            if owner and int(owner[1]) in self.pids:
                count = sum(int(number) for number in re.findall(r"bytes_(?:sent|received):(\d+)", line))
                self.counts[(int(owner[1]), *line.split()[3:5])] = count

    def bytes(self, pid, port=None):
        """Of one process, and where it is named to one port of the other end."""
        return sum(count - self.begun.get(key, 0) for key, count in self.counts.items()
                   if key[0] == pid and (port is None or key[2].endswith(f":{port}")))
