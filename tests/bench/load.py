"""The agent's HTTP under load, beside a static nginx that serves the same bodies to the same wrk in the same minute."""
import re
import statistics
import subprocess

import lab

SECONDS = 3
ROUNDS = 3
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
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"bench: not all of {address}{path} was answered:\n{text}")
    requests = int(re.search(r"(\d+) requests in", text)[1])

    def percentile(n):
        number, unit = re.search(rf"\b{n}%\s+([\d.]+)(us|ms|s)\b", text).groups()
        return float(number) * UNITS[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), percentile(50), percentile(99), used / requests * 1e6


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
                lab.row(f"{name}: CPU a request", f"{cost:.1f} µs", f"nginx {its_cost:.1f} µs",
                        f"{cost / its_cost:.2f}", "≤ 60 µs" if path == "/metrics" else "≤ 20 µs")
