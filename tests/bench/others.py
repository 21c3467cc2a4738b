"""Other programs that bring one value to many hosts, each with one server and a process a host: etcd with confd, Consul
with consul-template, and Serf, which has no server. What cannot be had on this machine is left out."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

import lab
import syncing

TOOLS = lab.ROOT / "target/tools"


def program(name):
    """Where it is; None where it is not."""
    places = [TOOLS / "bin" / name, TOOLS / "etcd/usr/bin" / name]
    found = next((place for place in places if os.access(place, os.X_OK)), None) or shutil.which(name)
    return found and pathlib.Path(found)


def request(method, url, body):
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=30) as answer:
        return answer.read()


class Other(syncing.Programs):
    """So many hosts, whose folders are named like them; the value comes to lie in the file `value` of each."""
    needs = []

    def __init__(self, count):
        super().__init__(f"{type(self).__name__}-{count}")
        self.names = [f"f{number}" for number in range(count)]
        for name in self.names:
            (self.folder(name) / "out").mkdir()
        try:
            self.begin()
        except BaseException:  # Nobody else would end what has begun.
            self.__exit__()
            raise

    def outs(self):
        return [self.dir / name / "out" for name in self.names]

    def wait(self):
        """Waits until the first value is everywhere."""
        def everywhere():
            return self.alive() and all((out / "value").exists() for out in self.outs())
        lab.until("first value everywhere", everywhere)

    @classmethod
    def missing(cls):
        return [name for name in cls.needs if program(name) is None]


class EtcdConfd(Other):
    title = "etcd + confd"
    needs = ["etcd", "confd"]

    def begin(self):
        self.url = f"http://127.0.0.1:{lab.PORT + 379}"
        peer = f"http://127.0.0.1:{lab.PORT + 380}"
        self.start("server", [program("etcd"), "--data-dir", self.folder("server") / "data", "--name", "one",
                              "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                              "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                              "--initial-cluster", f"one={peer}"])
        lab.until("etcd", lambda: self.alive() and self.puts("first"))
        for name in self.names:
            folder = self.dir / name
            for part in ("conf.d", "templates"):
                (folder / part).mkdir()
            (folder / "conf.d/value.toml").write_text(
                f'[template]\nsrc = "value.tmpl"\ndest = "{folder}/out/value"\nkeys = ["/value"]\n')
            (folder / "templates/value.tmpl").write_text('{{getv "/value"}}')
            self.start(name, [program("confd"), "-confdir", folder, "-backend", "etcdv3", "-node", self.url, "-watch"])

    def puts(self, value):
        try:
            self.put(value)
            return True
        except OSError:
            return False

    def put(self, value):
        pair = {"key": base64.b64encode(b"/value").decode(), "value": base64.b64encode(value.encode()).decode()}
        request("POST", f"{self.url}/v3/kv/put", json.dumps(pair).encode())


class ConsulTemplate(Other):
    title = "Consul + consul-template"
    needs = ["consul", "consul-template"]

    def begin(self):
        ports = {"http": lab.PORT + 500, "dns": -1, "grpc": -1, "server": lab.PORT + 501,
                 "serf_lan": lab.PORT + 502, "serf_wan": lab.PORT + 503}
        (self.folder("server") / "ports.json").write_text(json.dumps({"ports": ports}))
        self.url = f"http://127.0.0.1:{ports['http']}"
        self.start("server", [program("consul"), "agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1",
                              "-data-dir", self.folder("server") / "data", "-config-file",
                              self.folder("server") / "ports.json"])
        lab.until("Consul", lambda: self.alive() and self.puts("first"))
        for name in self.names:
            (self.dir / name / "value.tmpl").write_text('{{key "value"}}')
            self.start(name, [program("consul-template"), "-consul-addr", self.url, "-template",
                              f"{self.dir / name}/value.tmpl:{self.dir / name}/out/value"])

    puts = EtcdConfd.puts

    def put(self, value):
        request("PUT", f"{self.url}/v1/kv/value", value.encode())


class Serf(Other):
    title = "Serf"
    needs = ["serf"]

    def begin(self):
        for number, name in enumerate(self.names):
            folder = self.dir / name
            (folder / "take").write_text(f"#!/bin/sh\ncat > {folder}/next && mv {folder}/next {folder}/out/value\n")
            (folder / "take").chmod(0o755)
            address = syncing.address(number + 1)
            first = f"{syncing.address(1)}:{lab.PORT + 646}"
            joins = ["-retry-interval=1s", f"-retry-join={first}"] if number else []
            self.start(name, [program("serf"), "agent", f"-node={name}", f"-bind={address}:{lab.PORT + 646}",
                              f"-rpc-addr={address}:{lab.PORT + 373}", "-event-handler", f"user:value={folder}/take", *joins])

    def members(self):
        said = self.ask("members", "-status=alive")
        return said is not None and len(said.splitlines()) == len(self.names)

    def ask(self, verb, *more):
        done = subprocess.run([program("serf"), verb, f"-rpc-addr={syncing.address(1)}:{lab.PORT + 373}", *more],
                              capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def wait(self):
        lab.until("all members", lambda: self.alive() and self.members())

    def put(self, value):
        self.ask("event", "-coalesce=false", "value", value)


ALL = [EtcdConfd, ConsulTemplate, Serf]
