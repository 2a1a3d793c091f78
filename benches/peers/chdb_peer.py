# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""The point-in-time join on ClickHouse in the process (chdb): ASOF JOIN over the tables' data files; see peer.py."""

import json

import chdb

import peer


def join(job):
    columns, joins = [], []
    for view in job["views"]:
        name = view["name"]
        in_time = f"{name}.event_timestamp >= e.event_timestamp - INTERVAL {job['ttl_seconds']} SECOND"
        columns += [f"if({in_time}, {name}.{feature}, NULL) AS {feature}" for feature in view["features"]]
        joins.append(f"ASOF LEFT JOIN file('{view['folder']}/*.parquet', Parquet) {name}"
                     f" ON e.driver_id = {name}.driver_id AND e.event_timestamp >= {name}.event_timestamp")
    entity_columns = ", ".join(f"e.{column} AS {column}" for column in job["entity_columns"])
    return f"SELECT {entity_columns}, {', '.join(columns)} FROM file('{job['entities']}', Parquet) e {' '.join(joins)}"


def checksum(job):
    query = f"SELECT {job['check']} FROM ({join(job)}) SETTINGS join_use_nulls = 1"
    return json.loads(chdb.query(query, "JSONCompact").data())["data"][0]


def write(job, output):
    with open(output, "wb") as file:
        file.write(chdb.query(f"{join(job)} SETTINGS join_use_nulls = 1", "Parquet").bytes())


if __name__ == "__main__":
    peer.run(chdb.__version__, checksum, write)
