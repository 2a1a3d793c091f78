# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Runs one query over an Iceberg table with DuckDB, as table t: duckdb_scan.py METADATA QUERY. Prints rows, the sum of all other columns, and seconds."""

import glob
import importlib
import os
import sys
import time

import duckdb

settings = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
connection = duckdb.connect(config=settings)
for name in ("avro", "iceberg"):
    folder = os.path.dirname(importlib.import_module(f"duckdb_extension_{name}").__file__)
    (extension,) = glob.glob(f"{folder}/extensions/*/{name}.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
metadata, query = sys.argv[1:]
started = time.perf_counter()
rows, *sums = connection.execute(query.replace("FROM t", f"FROM iceberg_scan('{metadata}')")).fetchone()
print(rows, sum(sums), time.perf_counter() - started)
