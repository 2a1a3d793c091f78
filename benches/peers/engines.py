# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""The engines that are compared: their titles, what each needs, and its command line for a workload."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TITLES = {
    "feast": "feast-sql, `feast_pit_join`",
    "duckdb": "DuckDB {}, Iceberg extension, `ASOF JOIN`",
    "polars": "Polars {}, `join_asof`",
    "chdb": "ClickHouse (chdb {}), `ASOF JOIN`",
    "pyiceberg": "PyIceberg {}, `ASOF JOIN`",
    "feast-python": "Feast {}, `IcebergSource`, DuckDB offline store",
    "scan": "feast-sql, bare scan of the same columns",
}
SCRIPTS = {"duckdb": "duckdb_peer.py", "polars": "polars_peer.py", "chdb": "chdb_peer.py",
           "pyiceberg": "pyiceberg_peer.py", "feast-python": "feast_peer.py"}
KEY_TYPES = {"long": "BIGINT", "string": "VARCHAR"}


def title(peer, answer=None):
    """The engine's title with the version that its answer tells."""
    return TITLES[peer].format((answer or {}).get("version", "")).replace("  ", " ").replace(" ,", ",")


def read_view(name, location):
    """What the engines need to know of a feature view, from its table's metadata."""
    path = location.removeprefix("file://")
    metadata = json.loads(Path(path).read_text())
    schema = next(s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"])
    types = {field["name"]: field["type"] for field in schema["fields"]}
    snapshot = next(s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])
    folder = Path(path).parent.parent / "data"
    files = sorted(map(str, folder.glob("*.parquet")))
    if len(files) != int(snapshot["summary"]["total-data-files"]):
        raise SystemExit(f"{folder}: expected the data files of {path} alone, found {len(files)} files")
    return {"name": name, "metadata": path, "folder": str(folder), "files": files,
            "features": list(types)[3:], "key_type": KEY_TYPES[types["driver_id"]],
            "rows": int(snapshot["summary"]["total-records"])}


def read_workload(directory):
    """The job that every engine gets: views, entity rows and the checksum to compute."""
    with sqlite3.connect(f"file:{directory}/catalog.db?mode=ro", uri=True) as catalog:
        tables = catalog.execute("SELECT table_name, metadata_location FROM iceberg_tables"
                                 " WHERE table_namespace = 'features' ORDER BY table_name").fetchall()
    views = [read_view(name, location) for name, location in tables]
    meta = json.loads((directory / "meta.json").read_text())
    if "keys" not in meta:
        raise SystemExit(f"{directory}/meta.json: expected the options of workload.py; remove the folder to make it again")
    matched = " + ".join(f"count({view['features'][0]})" for view in views)
    total = " + ".join(f"coalesce(sum({feature}), 0)" for view in views for feature in view["features"])
    return {
        "views": views,
        "key_type": views[0]["key_type"],
        "catalog": f"sqlite:///{directory}/catalog.db",
        "warehouse": f"file://{directory}/warehouse",
        "entities": str(directory / "entities.parquet"),
        "entity_columns": ["row_id", "driver_id", "event_timestamp", "label"],
        "ttl_seconds": int(meta["ttl_days"] * 86_400),
        "check": f"count(*) AS n, {matched} AS matched, {total} AS total",
    }


def interval(seconds):
    return f"{seconds} seconds" if seconds % 86_400 else f"{seconds // 86_400} days"


def definitions(job):
    lines = [f"CREATE ENTITY driver_id JOIN KEY (driver_id {job['key_type']});"]
    for view in job["views"]:
        lines.append(f"CREATE FEATURE VIEW {view['name']} ENTITIES (driver_id) FROM lake.features.{view['name']}"
                     " TIMESTAMP event_timestamp CREATED TIMESTAMP created"
                     f" TTL INTERVAL '{interval(job['ttl_seconds'])}';")
    return "\n".join(lines) + "\n"


def bare_scans(job):
    """Queries that read every column that the join reads, and nothing more."""
    key = "sum(driver_id)" if job["key_type"] == "BIGINT" else "sum(octet_length(driver_id))"
    scans = []
    for view in job["views"]:
        total = " + ".join(f"sum({feature})" for feature in view["features"])
        scans.append(f"SELECT count(*) AS n, {key}, max(event_timestamp), max(created), {total} AS total"
                     f" FROM lake.features.{view['name']}")
    return scans


class Engines:
    """Command lines for one job. Files that they need are written to a scratch folder."""

    def __init__(self, job, feast_sql, feast_python, scratch):
        self.job, self.feast_python, self.scratch = job, feast_python, scratch
        self.shell = [str(feast_sql), "-q", "--format", "json",
                      "--catalog", f"lake=type=sql,uri={job['catalog']},warehouse={job['warehouse']}"]
        (scratch / "setup.sql").write_text(definitions(job))
        (scratch / "job.json").write_text(json.dumps(job))

    def command(self, peer, output=None):
        """The command that prints the checksum, or writes the joined rows to the Parquet file `output`."""
        if peer == "scan":
            return [*self.shell, *(word for query in bare_scans(self.job) for word in ("-c", query))]
        if peer == "feast":
            return [*self.shell, "-f", str(self.scratch / "setup.sql"), "-c", self.feast_query(output)]
        python = self.feast_python if peer == "feast-python" else sys.executable
        return [str(python), str(HERE / SCRIPTS[peer]), str(self.scratch / "job.json"), *([str(output)] if output else [])]

    def feast_query(self, output):
        features = ", ".join(f"'{view['name']}:*'" for view in self.job["views"])
        join = f"feast_pit_join(entities => (SELECT * FROM '{self.job['entities']}'), features => [{features}])"
        if output:
            return f"COPY (SELECT * FROM {join}) TO '{output}'"
        return f"SELECT {self.job['check']} FROM {join}"


def build_shell():
    """Builds the release shell and says where it is."""
    cargo = ["cargo", "build", "--locked", "--release", "--package", "feast-shell", "--message-format", "json"]
    done = subprocess.run(cargo, cwd=HERE.parent.parent, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return next(m["executable"] for m in messages
                if m.get("executable") and m["target"]["name"] == "feast-sql")


def make_feast_python(cache):
    """The interpreter of an environment with Feast, made on first use: its pins differ from the other peers'."""
    venv = Path(os.environ.get("FEAST_VENV") or cache / "feast-venv")
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", HERE / "requirements-feast.txt"],
                       check=True)
    return python
