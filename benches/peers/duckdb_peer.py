# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""The point-in-time join on DuckDB's Iceberg extension; see peer.py."""

import duckdb
from duckdb_extensions import import_extension

import peer


def join(job, source):
    """The join in SQL: the last row of each view up to the entity row's time, blanked when it is older than the TTL."""
    columns, joins = [], []
    for view in job["views"]:
        name = view["name"]
        in_time = f"{name}.event_timestamp >= e.event_timestamp - INTERVAL '{job['ttl_seconds']} seconds'"
        columns += [f"CASE WHEN {in_time} THEN {name}.{feature} END AS {feature}" for feature in view["features"]]
        joins.append(f"ASOF LEFT JOIN {source(view)} {name} ON e.driver_id = {name}.driver_id"
                     f" AND e.event_timestamp >= {name}.event_timestamp")
    return f"SELECT e.*, {', '.join(columns)} FROM read_parquet('{job['entities']}') e {' '.join(joins)}"


def checksum(connection, job, source):
    return connection.sql(f"SELECT {job['check']} FROM ({join(job, source)})").fetchone()


def write(connection, job, source, output):
    connection.sql(f"COPY ({join(job, source)}) TO '{output}' (FORMAT parquet)")


def main():
    connection = duckdb.connect()
    for extension in ["avro", "iceberg"]:
        import_extension(extension, con=connection)
        connection.load_extension(extension)

    def source(view):
        return f"iceberg_scan('{view['metadata']}')"

    peer.run(duckdb.__version__,
             lambda job: checksum(connection, job, source),
             lambda job, output: write(connection, job, source, output))


if __name__ == "__main__":
    main()
