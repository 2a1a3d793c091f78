# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""The point-in-time join with PyIceberg reading the tables into memory and DuckDB joining them; see peer.py."""

import duckdb
import pyiceberg
from pyiceberg.catalog.sql import SqlCatalog

import duckdb_peer
import peer


def main():
    connection = duckdb.connect()

    def load(job):
        """Registers every view as an Arrow table and says how the SQL calls it."""
        catalog = SqlCatalog("peers", uri=job["catalog"], warehouse=job["warehouse"])
        for view in job["views"]:
            fields = ("driver_id", "event_timestamp", *view["features"])
            table = catalog.load_table(f"features.{view['name']}").scan(selected_fields=fields).to_arrow()
            connection.register(f"{view['name']}_rows", table)
        return lambda view: f"{view['name']}_rows"

    peer.run(f"{pyiceberg.__version__}, DuckDB {duckdb.__version__}",
             lambda job: duckdb_peer.checksum(connection, job, load(job)),
             lambda job, output: duckdb_peer.write(connection, job, load(job), output))


if __name__ == "__main__":
    main()
