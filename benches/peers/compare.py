# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Run every engine on one workload several times, in turn; check that they agree; print a table.

Called by run.sh, which makes the environment.
"""

import argparse
import json
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import workload

HERE = Path(__file__).parent
TITLES = {
    "feast": "feast-sql, `feast_pit_join`",
    "duckdb": f"DuckDB {version('duckdb')}, Iceberg extension, `ASOF JOIN`",
    "scan": "feast-sql, bare scan of the same columns",
}


def read_workload(directory):
    """The views of a workload, read from its catalog and table metadata."""
    with sqlite3.connect(f"file:{directory}/catalog.db?mode=ro", uri=True) as catalog:
        tables = catalog.execute("SELECT table_name, metadata_location FROM iceberg_tables"
                                 " WHERE table_namespace = 'features' ORDER BY table_name").fetchall()
    views = []
    for name, location in tables:
        path = location.removeprefix("file://")
        metadata = json.loads(Path(path).read_text())
        schema = next(s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"])
        names = [field["name"] for field in schema["fields"]]
        snapshot = next(s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])
        views.append({"name": name, "metadata": path, "features": names[3:],
                      "rows": int(snapshot["summary"]["total-records"])})
    meta = json.loads((directory / "meta.json").read_text())
    features = [feature for view in views for feature in view["features"]]
    sums = " + ".join(f"coalesce(sum({feature}), 0)" for feature in features)
    return {
        "views": views,
        "entities": str(directory / "entities.parquet"),
        "ttl_seconds": int(meta["ttl_days"] * 86_400),
        "check": f"count(*) AS n, count({features[0]}) AS matched, {sums} AS total",
    }


def interval(seconds):
    return f"{seconds} seconds" if seconds % 86_400 else f"{seconds // 86_400} days"


def commands(directory, job, feast_sql, scratch):
    """The command line of each engine."""
    definitions = ["CREATE ENTITY driver_id JOIN KEY (driver_id BIGINT);"]
    for view in job["views"]:
        definitions.append(f"CREATE FEATURE VIEW {view['name']} ENTITIES (driver_id) FROM lake.features.{view['name']}"
                           " TIMESTAMP event_timestamp CREATED TIMESTAMP created"
                           f" TTL INTERVAL '{interval(job['ttl_seconds'])}';")
    (scratch / "setup.sql").write_text("\n".join(definitions) + "\n")
    (scratch / "job.json").write_text(json.dumps(job))

    shell = [str(feast_sql), "-q", "--format", "json", "--catalog",
             f"lake=type=sql,uri=sqlite:///{directory}/catalog.db,warehouse=file://{directory}/warehouse"]
    features = ", ".join(f"'{view['name']}:*'" for view in job["views"])
    join = (f"SELECT {job['check']} FROM feast_pit_join(entities => (SELECT * FROM '{job['entities']}'),"
            f" features => [{features}])")
    scans = []
    for view in job["views"]:
        sums = " + ".join(f"sum({feature})" for feature in view["features"])
        scans += ["-c", f"SELECT count(*) AS n, sum(driver_id), max(event_timestamp), max(created), {sums} AS total"
                        f" FROM lake.features.{view['name']}"]
    return {
        "feast": [*shell, "-f", str(scratch / "setup.sql"), "-c", join],
        "duckdb": [sys.executable, str(HERE / "duckdb_peer.py"), str(scratch / "job.json")],
        "scan": [*shell, *scans],
    }


def run(peer, command):
    """One run under GNU time: seconds and peak memory of the whole process, and its answer."""
    done = subprocess.run(["/usr/bin/time", "-v", *command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{peer} failed ({done.returncode}): {' '.join(command)}\n{done.stdout}{done.stderr}")
    clock = re.search(r"Elapsed .*: ([\d:.]+)$", done.stderr, re.M).group(1).split(":")
    seconds = sum(float(part) * 60**i for i, part in enumerate(reversed(clock)))
    kilobytes = int(re.search(r"Maximum resident set size .*: (\d+)", done.stderr).group(1))
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    return {"seconds": seconds, "megabytes": kilobytes / 1024, "answer": answers[-1][0]}


def check_answers(results):
    """The joins must agree: rows and matches exactly, the sum of doubles up to its rounding."""
    answers = [(peer, r["answer"]) for peer in ("feast", "duckdb") for r in results.get(peer, [])]
    for peer, answer in answers[1:]:
        first_peer, first = answers[0]
        same = (first["n"], first["matched"]) == (answer["n"], answer["matched"])
        if not same or abs(first["total"] - answer["total"]) > 1e-3:
            raise SystemExit(f"different answers: {first_peer} {first}, {peer} {answer}")


def report(job, results, runs):
    views = job["views"]
    entity_rows = next((r[0]["answer"]["n"] for p, r in results.items() if p != "scan"), None)
    lines = [
        f"{len(views)} view(s), {sum(v['rows'] for v in views):,} history rows, "
        f"{sum(len(v['features']) for v in views)} features, "
        + (f"{entity_rows:,} entity rows, " if entity_rows else "")
        + f"TTL {job['ttl_seconds'] / 86_400:g} days; "
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; {runs} interleaved runs.",
        "",
        "| engine | seconds, median | from | to | peak memory, MB | matched | sum |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    median = {}
    for peer, peer_results in results.items():
        seconds = [r["seconds"] for r in peer_results]
        median[peer] = statistics.median(seconds)
        memory = statistics.median(r["megabytes"] for r in peer_results)
        answer = peer_results[0]["answer"]
        shown = f"{answer['matched']:,} | {answer['total']:.2f}" if peer != "scan" else "– | –"
        lines.append(f"| {TITLES[peer]} | {median[peer]:.2f} | {min(seconds):.2f} | {max(seconds):.2f} "
                     f"| {memory:.0f} | {shown} |")
    lines.append("")
    if "duckdb" in results:
        inside = statistics.median(r["answer"]["query_seconds"] for r in results["duckdb"])
        lines.append(f"Whole processes are timed. DuckDB's includes starting Python and loading the extensions: "
                     f"its query alone took {inside:.2f} s.")
    for peer in ("duckdb", "scan"):
        if peer in median and "feast" in median:
            lines.append(f"`feast_pit_join` takes {median['feast'] / median[peer]:.2f} times as long as {TITLES[peer]}.")
    return "\n".join(lines) + "\n"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description="Compare feast-sql with its peers.")
    parser.add_argument("--default-dir", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=Path, help="the workload; made when it is not there")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", default="feast,duckdb,scan")
    parser.add_argument("--feast-sql", type=Path, help="the release binary; built when not given")
    parser.add_argument("--out", type=Path, help="also write the table here")
    workload.add_arguments(parser)
    return parser.parse_args()


def build_shell():
    """Builds the release shell and says where it is."""
    cargo = ["cargo", "build", "--locked", "--release", "--package", "feast-shell", "--message-format", "json"]
    done = subprocess.run(cargo, cwd=HERE.parent.parent, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return next(m["executable"] for m in messages
                if m.get("executable") and m["target"]["name"] == "feast-sql")


def main():
    arguments = parse_arguments()
    peers = arguments.peers.split(",")
    unknown = set(peers) - set(TITLES)
    if unknown:
        raise SystemExit(f"unknown peer {', '.join(sorted(unknown))}, expected some of {', '.join(TITLES)}")
    directory = (arguments.dir or arguments.default_dir).absolute()
    if not (directory / "meta.json").exists():
        workload.make(directory, arguments)
    feast_sql = arguments.feast_sql and arguments.feast_sql.absolute()
    if not feast_sql and set(peers) & {"feast", "scan"}:
        feast_sql = build_shell()

    job = read_workload(directory)
    for file in directory.glob("**/*.parquet"):
        file.read_bytes()  # Every engine finds the files in the page cache, the first one too.
    results = {peer: [] for peer in peers}
    with tempfile.TemporaryDirectory() as scratch:
        all_commands = commands(directory, job, feast_sql, Path(scratch))
        for number in range(arguments.runs):
            for peer in peers:
                result = run(peer, all_commands[peer])
                results[peer].append(result)
                print(f"run {number + 1} {peer}: {result['seconds']:.2f} s, {result['megabytes']:.0f} MB",
                      file=sys.stderr)
    check_answers(results)
    table = report(job, results, arguments.runs)
    print(table)
    if arguments.out:
        arguments.out.write_text(table)


if __name__ == "__main__":
    main()
