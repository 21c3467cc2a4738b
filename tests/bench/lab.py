"""What the measurements share: agents on this machine, each with its own address, ports and folders, and what the
kernel says of their processes. Everything lies below one folder (BENCH_WORK) and is killed and removed by its maker."""
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = pathlib.Path(os.environ["BENCH_WORK"])
AGENT = pathlib.Path(os.environ.get("AGENT", ROOT / "target/release/rocketmq-agent"))
STANDIN = ROOT / "target/release/examples/standin"
ZIP = ROOT / "target/rocketmq/rocketmq-all-5.5.0-bin-release.zip"
# Below the ports that the kernel gives to outgoing connections, and away from those of the tests.
PORT = int(os.environ.get("BENCH_PORT", "25000"))
DEADLINE = 300  # seconds for anything to come true


def row(what, value, beside="", ratio="", target=""):
    """One row of the table."""
    print(what, value, beside, ratio, target, sep="\t", flush=True)


def say(text):
    """Progress, for a person who waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def until(what, condition, every=0.05):
    """Waits for a condition and gives what it gave."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise SystemExit(f"bench: no {what} within {DEADLINE} s")


def cpu(pids):
    """Seconds of CPU time that the processes took so far, their ended threads included, to the nanosecond: the clock
    of another process has a number made from its pid (Linux include/linux/posix-timers.h, CPUCLOCK_SCHED)."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


def memory(pids):
    """Resident memory in MiB: all of it, and what no file stands behind."""
    def kib(pid, key):
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+)", text, re.M)[1])
    return tuple(sum(kib(pid, key) for pid in pids) / 1024 for key in ("VmRSS", "RssAnon"))


def get(address, path):
    """An answer's status and body; None where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return None, b""


def registered(namesrv):
    """The addresses of all brokers that a NameServer knows (GET_BROKER_CLUSTER_INFO, 106)."""
    header = b'{"code":106,"flag":0,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":0}'
    try:
        with socket.create_connection(namesrv, timeout=2) as stream:
            stream.sendall(struct.pack(">II", 4 + len(header), len(header)) + header)
            answer = stream.makefile("rb")
            length, header_length = struct.unpack(">II", answer.read(8))
            body = answer.read(length - 4)[header_length & 0xFFFFFF:].decode()
    except (OSError, struct.error):
        return set()
    # fastjson writes brokerIds without quotes, so this is no JSON.
    return set(re.findall(r'\d+:"([^"]+:\d+)"', body))


class Cluster:
    """A cluster file, and the agents of its hosts: `vm1` on 127.0.0.1 and, with `hosts` 2, `vm2` on 127.0.0.2."""

    def __init__(self, name, mode, hosts, settings=""):
        self.dir = WORK / name
        self.dir.mkdir()
        self.hosts = [f"vm{n + 1}" for n in range(hosts)]
        text = f'[cluster]\nmode = "{mode}"\n[rocketmq]\nversion = "5.5.0"\nsource = "{ZIP}"\n{settings}\n'
        for n, host in enumerate(self.hosts):
            base = PORT + 400 * n
            text += f'[[host]]\nname = "{host}"\naddress = "127.0.0.{n + 1}"\nbase_dir = "{self.base(host)}"\n'
            text += f"agent_port = {base + 77}\nnamesrv = {{ port = {base + 76} }}\n"
            text += f"broker = {{ port = {base + 111}, slave_port = {base + 211} }}\n"
            (self.dir / host).mkdir()
            (self.dir / host / "agent.toml").write_text(
                f'host = "{host}"\ncluster_file = "{self.dir}/cluster.toml"\nstate_dir = "{self.dir}/{host}/state"\nsupervisor = "embedded"\n'
                f'control_socket = "{self.dir}/{host}/control.sock"\n'
                '[embedded]\non_exit = "leave"\nrun_as = "self"\n')
        (self.dir / "cluster.toml").write_text(text)
        self.agents = {}

    def base(self, host):
        return self.dir / host / "rocketmq"

    def address(self, host):
        return f"127.0.0.1:{PORT + 400 * self.hosts.index(host) + 77}"

    def namesrvs(self):
        return [(f"127.0.0.{n + 1}", PORT + 400 * n + 76) for n in range(len(self.hosts))]

    def start(self, hosts=None):
        """Starts the agents of these hosts."""
        for host in hosts or self.hosts:
            log = open(self.dir / host / "agent.log", "a")
            command = [AGENT, "--config", self.dir / host / "agent.toml", "run"]
            self.agents[host] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def report(self, host):
        status, body = get(self.address(host), "/v1/host")
        return json.loads(body) if status == 200 else None

    def wait_ready(self):
        """Waits until every agent says so."""
        for host, agent in self.agents.items():
            def ready():
                if agent.poll() is not None:
                    log = (self.dir / host / "agent.log").read_text().splitlines()[-5:]
                    raise SystemExit("\n".join([f"bench: the agent of {host} has ended:", *log]))
                return get(self.address(host), "/readyz")[0] == 200
            until(f"ready {host}", ready, 0.2)

    def pids(self):
        return [agent.pid for agent in self.agents.values()]

    def stop(self):
        """Ends the agents, then kills the JVMs that they left, which lose nothing that anybody needs."""
        for agent in self.agents.values():
            agent.terminate()
            agent.wait()
        self.agents = {}
        kill_below(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def kill_below(folder):
    """Kills what runs in a folder below the benchmark's own, and waits until it is gone."""
    assert folder.is_relative_to(WORK)

    def left():
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if pathlib.Path(os.readlink(process / "cwd")).is_relative_to(folder):
                    found.append(int(process.name))
            except OSError:
                pass  # It has ended, or is somebody else's.
        return found
    for pid in left():
        os.kill(pid, signal.SIGKILL)

    def gone():
        # Those that this script started itself wait to be asked for.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        return not left()
    until("end of what was killed", gone)


class Nginx:
    """One worker that serves files; its log and its files lie below the benchmark's folder."""

    def __init__(self, files):
        self.dir = WORK / "nginx"
        self.address = f"127.0.0.1:{PORT + 80}"
        for path, body in files.items():
            file = self.dir / "files" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
        (self.dir / "nginx.conf").write_text(
            f"worker_processes 1;\ndaemon off;\npid {self.dir}/pid;\nerror_log {self.dir}/error.log;\n"
            # Workers drop root's rights and must not lose those to read the files with them.
            f"{'user root;' if os.geteuid() == 0 else ''}\nevents {{ }}\nhttp {{\n"
            f"access_log off;\nsendfile on;\ntcp_nopush on;\nkeepalive_requests 100000000;\n"
            + "".join(f"{kind}_temp_path {self.dir}/{kind};\n"
                      for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + f"default_type text/plain;\nserver {{ listen {self.address}; root {self.dir}/files; }}\n}}\n")
        self.master = subprocess.Popen(["nginx", "-c", self.dir / "nginx.conf", "-e", self.dir / "error.log"])
        first = next(iter(files))

        def serves():
            if self.master.poll() is not None:
                raise SystemExit("bench: nginx has ended")
            return get(self.address, first)[0] == 200
        until("nginx", serves)

    def pids(self):
        children = pathlib.Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children").read_text()
        return [self.master.pid, *map(int, children.split())]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.master.terminate()
        self.master.wait()
