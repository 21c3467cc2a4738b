"""The agent's HTTP under load, beside a static nginx that serves the same bodies to the same wrk in the same minute."""
import http.client
import re
import statistics
import subprocess
import time

import lab

SECONDS = 3
ROUNDS = 3
SNAPSHOTS = 10
PATHS = ["/readyz", "/health/broker-a/master", "/metrics"]
CONNECTIONS = [1, 16, 64]
HEAPS = '[namesrv]\nheap = "96M"\n[broker]\nheap = "192M"'
UNITS = {"us": 1, "ms": 1e3, "s": 1e6}


def load(address, path, connections, pids):
    """Requests a second, p50 and p99 in µs, µs of CPU a request."""
    before = lab.cpu(pids)
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{SECONDS}s", f"http://{address}{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = lab.cpu(pids) - before
    # An answer that takes 2 s is a timeout to wrk, and no error: this machine may be busy.
    if "Non-2xx" in text or re.search(r"Socket errors: (?!connect 0, read 0, write 0,)", text):
        raise SystemExit(f"bench: not all of {address}{path} was answered:\n{text}")
    requests = int(re.search(r"(\d+) requests in", text)[1])

    def percentile(n):
        number, unit = re.search(rf"\b{n}%\s+([\d.]+)(us|ms|s)\b", text).groups()
        return float(number) * UNITS[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), percentile(50), percentile(99), used / requests * 1e6


def first_answers(address, path, pids):
    """µs of CPU for an answer that has to be made: the first one after the agent's loop has published anew."""
    connection = http.client.HTTPConnection(address)

    def ask(path):
        connection.request("GET", path)
        return connection.getresponse().read()

    def looked_at():
        return re.search(rb'"at":(\d+)', ask("/v1/host"))[1]
    used = []
    for _ in range(SNAPSHOTS):
        last = looked_at()
        lab.until("new snapshot", lambda: looked_at() != last)
        time.sleep(0.02)  # What it took to publish is over.
        before = lab.cpu(pids)
        ask(path)
        time.sleep(0.01)  # The agent waits again, or its clock would stand still.
        used.append((lab.cpu(pids) - before) * 1e6)
    return statistics.median(used)


def measure(path, connections, sides):
    """The medians of each side's rounds, the sides taking turns."""
    rounds = [[load(address, path, connections, pids) for address, pids in sides] for _ in range(ROUNDS)]
    return [[statistics.median(numbers) for numbers in zip(*side)] for side in zip(*rounds)]


with lab.Cluster("http", "single", 1, HEAPS) as cluster:
    cluster.start()
    cluster.wait_ready()
    agent = cluster.address("vm1")
    bodies = {path: lab.get(agent, path)[1] for path in PATHS}
    with lab.Nginx(bodies) as nginx:
        sides = [(agent, cluster.pids()), (nginx.address, nginx.pids())]
        for path, body in bodies.items():
            for connections in CONNECTIONS:
                lab.say(f"http, {path} ({len(body)} bytes), {connections} connections")
                (rate, p50, p99, cost), (its_rate, its_p50, its_p99, its_cost) = measure(path, connections, sides)
                name = f"{path} ×{connections}"
                lab.row(f"{name}: requests/s", f"{rate:,.0f}", f"nginx {its_rate:,.0f}", f"{rate / its_rate:.2f}")
                lab.row(f"{name}: p50", f"{p50:,.0f} µs", f"nginx {its_p50:,.0f} µs", f"{p50 / its_p50:.2f}")
                lab.row(f"{name}: p99", f"{p99:,.0f} µs", f"nginx {its_p99:,.0f} µs", f"{p99 / its_p99:.2f}",
                        "≤ 3× nginx" if connections == 64 else "")
                # Answers are kept until the loop publishes anew, so nearly all of these were made before.
                lab.row(f"{name}: CPU a request", f"{cost:.1f} µs", f"nginx {its_cost:.1f} µs",
                        f"{cost / its_cost:.2f}", "≤ 60 µs" if path == "/metrics" else "≤ 20 µs")
    for path in PATHS:
        cost = first_answers(agent, path, cluster.pids())
        lab.row(f"{path}: CPU of the first after a pass", f"{cost:.0f} µs", "", "",
                "≤ 60 µs" if path == "/metrics" else "≤ 20 µs")
