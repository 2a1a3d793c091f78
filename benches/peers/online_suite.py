# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Materialize one view and look keys up, with every online store; write a table.

Called by online.sh, which makes the environments. Each store is a process of its own; Redis is started on a free port of
the loopback interface and ended again.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog

import engines
import workload

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PEERS = {
    "feast-redis": "Feast, Redis",
    "redis": "Redis alone, `HMGET`",
    "feast-sqlite": "Feast, SQLite",
    "pyiceberg": "PyIceberg, scan of one part",
}


def make_workload(directory, rows, keys):
    if not (directory / "meta.json").exists():
        parser = argparse.ArgumentParser()
        workload.add_arguments(parser)
        options = parser.parse_args(["--rows", str(rows), "--keys", str(keys), "--entities", "1000"])
        print(f"{directory.name}: making the data", file=sys.stderr)
        workload.make(directory, options)


@contextmanager
def redis_server():
    """The port of a Redis server of our own; None where Redis is not installed."""
    program = shutil.which("redis-server")
    if not program:
        print("redis-server is not installed: Redis is left out", file=sys.stderr)
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
                              stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def wait_for(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"redis-server does not answer on port {port}")


def timed(command, **options):
    """Runs a command under GNU time: its output, seconds, and peak memory in megabytes."""
    done = subprocess.run(["/usr/bin/time", "-v", *map(str, command)], capture_output=True, text=True, **options)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr[-3000:]}")
    peak = int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)[1]) / 1000
    clock = re.search(r"Elapsed \(wall clock\).*?: (?:(\d+):)?(\d+):([\d.]+)\n", done.stderr)
    seconds = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    return done.stdout, seconds, peak


def our_materialize(arguments, directory, scratch):
    """A session that materializes the view in full, into a table of a catalog of its own."""
    job = engines.read_workload(directory)
    warehouse = scratch / "online"
    warehouse.mkdir()
    SqlCatalog("online", uri=f"sqlite:///{scratch}/online.db", warehouse=f"file://{warehouse}")
    setup = scratch / "online.sql"
    setup.write_text(engines.definitions(job))
    shell = [arguments.feast_sql, "-q", "--format", "json",
             "--catalog", f"lake=type=sql,uri={job['catalog']},warehouse={job['warehouse']}",
             "--catalog", f"online=type=sql,uri=sqlite:///{scratch}/online.db,warehouse=file://{warehouse}"]
    output, seconds, peak = timed([*shell, "-f", setup, "-c", "SET feast.online.catalog = 'online'",
                                   "-c", "MATERIALIZE FEATURE VIEW view0"])
    size = sum(file.stat().st_size for file in warehouse.rglob("*.parquet"))
    return {"seconds": seconds, "peak": peak, "bytes": size, "said": output.strip().splitlines()[-1]}


def our_lookups(arguments, keys):
    """The lines of `cargo bench --bench online_lookup`."""
    environment = {**os.environ, "FEAST_BENCH_KEYS": str(keys)}
    output, _, peak = timed([arguments.bench, "--bench"], env=environment, cwd=ROOT)
    pattern = rf"{keys} keys, (\d+) known, (\w+): p50 ([\d.]+) ms, p95 ([\d.]+) ms, p99 ([\d.]+) ms"
    return [{"what": f"feast_online_lookup, {how.lower()}", "batch": int(batch), "p50": float(p50), "p95": float(p95),
             "p99": float(p99)} for batch, how, p50, p95, p99 in re.findall(pattern, output)], peak


def peer(arguments, name, directory, port, scratch):
    python = arguments.feast_python if name.startswith("feast") or name == "redis" else sys.executable
    command = [python, HERE / "online_peer.py", name, directory, scratch, "--runs", arguments.runs]
    output, _, peak = timed([*command, *(["--port", port] if port else [])])
    return {**json.loads(output.splitlines()[-1]), "peak": peak}


def measure(arguments, keys):
    directory = arguments.dir / f"online-{keys}"
    make_workload(directory, arguments.rows, keys)
    rows, materialized = [], {}
    with tempfile.TemporaryDirectory() as folder, redis_server() as port:
        folder = Path(folder)
        materialized["feast-sql, `MATERIALIZE`"] = our_materialize(arguments, directory, folder)
        found, _ = our_lookups(arguments, keys)
        rows += found
        for name in arguments.peers:
            if port is None and "redis" in name:
                continue
            print(f"{keys} keys: {name}", file=sys.stderr)
            scratch = folder / name
            scratch.mkdir()
            answer = peer(arguments, name, directory, port, scratch)
            rows += [{"what": PEERS[name], **lookup} for lookup in answer["lookups"]]
            if "seconds" in answer:
                materialized[PEERS[name]] = answer
    return {"keys": keys, "rows": arguments.rows, "lookups": rows, "materialized": materialized}


def markdown(result):
    keys, rows = result["keys"], result["rows"]
    lines = [f"{keys:,} keys, 8 doubles, milliseconds:", "", "| lookup | keys a call | p50 | p95 | p99 |",
             "|---|---:|---:|---:|---:|"]
    for row in sorted(result["lookups"], key=lambda row: (row["batch"], row["p50"])):
        lines.append(f"| {row['what']} | {row['batch']} | {row['p50']:.2f} | {row['p95']:.2f} | {row['p99']:.2f} |")
    lines += ["", f"Materializing {rows:,} rows:", "", "| store | seconds | rows a second | peak memory, MB | bytes a key |",
              "|---|---:|---:|---:|---:|"]
    for name, told in result["materialized"].items():
        lines.append(f"| {name} | {told['seconds']:.1f} | {rows / told['seconds']:,.0f} | {told['peak']:,.0f} |"
                     f" {told['bytes'] / keys:.0f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="online.sh", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--feast-python", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=Path, help="where the workloads are, or are made")
    parser.add_argument("--keys", default="100000,1000000")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(PEERS))
    parser.add_argument("--feast-sql", type=Path, required=True, help="the release shell")
    parser.add_argument("--bench", type=Path, required=True,
                        help="the program that `cargo bench --workspace --bench online_lookup --no-run` built")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    arguments.dir = (arguments.dir or arguments.cache / "online").absolute()
    arguments.dir.mkdir(parents=True, exist_ok=True)
    told = "\n".join(markdown(measure(arguments, int(keys))) for keys in arguments.keys.split(","))
    print(told)
    if arguments.out:
        arguments.out.write_text(told)


if __name__ == "__main__":
    main()
