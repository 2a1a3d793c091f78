# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Run the point-in-time join of a workload on DuckDB's Iceberg extension; print one JSON line.

usage: duckdb_peer.py JOB.json      the job is written by compare.py
"""

import json
import sys
import time

import duckdb
from duckdb_extensions import import_extension


def query(job):
    columns, joins = [], []
    for view in job["views"]:
        name = view["name"]
        in_time = f"{name}.event_timestamp >= e.event_timestamp - INTERVAL '{job['ttl_seconds']} seconds'"
        columns += [f"CASE WHEN {in_time} THEN {name}.{feature} END AS {feature}" for feature in view["features"]]
        joins.append(f"ASOF LEFT JOIN iceberg_scan('{view['metadata']}') {name} ON e.driver_id = {name}.driver_id"
                     f" AND e.event_timestamp >= {name}.event_timestamp")
    return (f"SELECT {job['check']} FROM (SELECT e.*, {', '.join(columns)}"
            f" FROM read_parquet('{job['entities']}') e {' '.join(joins)})")


def main():
    job = json.load(open(sys.argv[1]))
    connection = duckdb.connect()
    for extension in ["avro", "iceberg"]:
        import_extension(extension, con=connection)
        connection.load_extension(extension)
    start = time.perf_counter()
    rows, matched, total = connection.sql(query(job)).fetchone()
    seconds = time.perf_counter() - start
    print(json.dumps([{"n": rows, "matched": matched, "total": total, "query_seconds": round(seconds, 3)}]))


main()
