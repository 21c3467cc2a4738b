#!/usr/bin/env python3
"""Starts real brokers with the lines of tests/fixtures/wrong-configs/cases.toml and writes down what became of each.

    tests/rocketmq/wrong-configs.py VERSION...      into tests/fixtures/wrong-configs/VERSION.tsv

One broker takes all lines that do not meet; it is asked for its configuration (GET_BROKER_CONFIG). The zips are in
target/rocketmq; the default ports must be free. About two minutes a version.
"""
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = ROOT / "tests/fixtures/wrong-configs"
OPENED = ["java.nio", "sun.nio.ch", "jdk.internal.ref", "java.lang"]
PORT = 10911


def config(port):
    """What the broker says its configuration is; raises where it does not answer."""
    head = json.dumps({"code": 26, "language": "JAVA", "version": 0, "opaque": 1, "flag": 0}).encode()
    with socket.create_connection(("127.0.0.1", port), 2) as conn:
        conn.settimeout(5)
        conn.sendall(struct.pack(">II", 4 + len(head), len(head)) + head)
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
            more = conn.recv(65536)
            if not more:
                raise OSError("closed")
            data += more
    body = data[8 + (struct.unpack(">I", data[4:8])[0] & 0xFFFFFF):]
    return dict(line.split("=", 1) for line in body.decode().splitlines() if "=" in line)


def run(home, cases, brokers):
    """What became of each case of one broker: `id -> words`."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        lines = [f"{case['key']}={case['value'].format(dir=folder)}\n" for case in cases]
        (folder / "broker.conf").write_text("".join(lines))
        java = ["java", "-Xms256m", "-Xmx256m", "-XX:MaxDirectMemorySize=256m", f"-Duser.home={folder}"]
        java += [f"-Djava.io.tmpdir={folder}"] + [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        java += ["-cp", f"{home}/lib/*", "org.apache.rocketmq.broker.BrokerStartup", "-c", str(folder / "broker.conf")]
        env = {key: value for key, value in os.environ.items() if key != "NAMESRV_ADDR"} | {"ROCKETMQ_HOME": str(home)}
        with open(folder / "out", "wb") as out:
            broker = subprocess.Popen(java, stdout=out, stderr=out, cwd=folder, env=env)
        try:
            deadline = time.monotonic() + 90
            effective = None
            while broker.poll() is None and effective is None:
                if time.monotonic() > deadline:
                    raise SystemExit(f"broker {brokers} does not come up: {(folder / 'out').read_text()[-2000:]}")
                try:
                    effective = config(PORT)
                except OSError:
                    time.sleep(0.2)
            if effective is None:
                return {case["id"]: f"does not start: exit status {broker.returncode}" for case in cases}
            return {case["id"]: became(case, folder, effective) for case in cases}
        finally:
            broker.terminate()
            broker.wait(60)


def became(case, folder, effective):
    watch = case.get("watch")
    if watch:
        value = effective.get(watch, "")
        if watch == "brokerIP1" and value != case["value"]:
            value = "an address of its own choice"
        return f"{watch} = {value or 'nothing'}"
    if "{dir}" in case["value"]:
        there = pathlib.Path(case["value"].format(dir=folder)).exists()
        return "the path is used" if there else "no such path is made"
    return "it is echoed among the configuration" if case["key"] in effective else "it is dropped"


def batches(cases):
    """Cases that do not meet, together."""
    alone = [[case] for case in cases if case.get("alone")]
    shared = []
    for case in (case for case in cases if not case.get("alone")):
        names = {case["key"], case.get("watch", case["key"])}
        for batch in shared:
            if not names & {name for other in batch for name in (other["key"], other.get("watch", other["key"]))}:
                batch.append(case)
                break
        else:
            shared.append([case])
    return shared + alone


def main():
    cases = tomllib.loads((RECORDS / "cases.toml").read_text())["case"]
    for version in sys.argv[1:] or sys.exit(__doc__):
        wanted = [case for case in cases if case.get("only", version) == version]
        with tempfile.TemporaryDirectory() as name:
            zipfile.ZipFile(ROOT / f"target/rocketmq/rocketmq-all-{version}-bin-release.zip").extractall(name)
            home = next(pathlib.Path(name).iterdir())
            found = {}
            for number, batch in enumerate(batches(wanted)):
                found |= run(home, batch, number)
        text = "".join(f"{case['id']}\t{found[case['id']]}\n" for case in wanted)
        (RECORDS / f"{version}.tsv").write_text(text)
        print(text)


main()
