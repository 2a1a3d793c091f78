# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Feast's own point-in-time join: get_historical_features of the DuckDB offline store over IcebergSource; see peer.py."""

import os
import tempfile
import warnings
from datetime import timedelta

os.environ["FEAST_USAGE"] = "False"
warnings.filterwarnings("ignore")

import feast
import pandas
import pyarrow.compute
import pyarrow.parquet
from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
from feast.types import Float64

import peer

KEY_TYPES = {"BIGINT": feast.ValueType.INT64, "VARCHAR": feast.ValueType.STRING}


def define(job, scratch):
    """A feature store with the views of the job, its registry in a scratch folder."""
    store = feast.FeatureStore(config=feast.RepoConfig(
        project="peers", provider="local", registry=f"{scratch}/registry.db", entity_key_serialization_version=3,
        offline_store={"type": "duckdb"}, online_store={"type": "sqlite", "path": f"{scratch}/online.db"}))
    driver = feast.Entity(name="driver", join_keys=["driver_id"], value_type=KEY_TYPES[job["key_type"]])
    views = []
    for view in job["views"]:
        source = IcebergSource(
            name=f"{view['name']}_source", catalog_type="sql", catalog_name="peers", endpoint=job["catalog"],
            warehouse=job["warehouse"], namespace="features", table=view["name"],
            timestamp_field="event_timestamp", created_timestamp_column="created")
        views.append(feast.FeatureView(
            name=view["name"], entities=[driver], ttl=timedelta(seconds=job["ttl_seconds"]), source=source,
            schema=[feast.Field(name=feature, dtype=Float64) for feature in view["features"]]))
    store.apply([driver, *views])
    return store


def join(job):
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as scratch:
        store = define(job, scratch)
        features = [f"{view['name']}:{feature}" for view in job["views"] for feature in view["features"]]
        entities = pandas.read_parquet(job["entities"])
        return store.get_historical_features(entity_df=entities, features=features).to_arrow()


def checksum(job):
    rows = join(job)
    matched = sum(len(rows) - rows[view["features"][0]].null_count for view in job["views"])
    features = [feature for view in job["views"] for feature in view["features"]]
    return len(rows), matched, sum(pyarrow.compute.sum(rows[feature]).as_py() or 0 for feature in features)


def write(job, output):
    pyarrow.parquet.write_table(join(job), output)


if __name__ == "__main__":
    peer.run(feast.__version__, checksum, write)
