# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Makes the registry files beside this script with Feast itself.

Run with Feast 0.67.0 installed, from this folder: python make_registries.py
Times and version ids differ from run to run; the tests do not depend on them.
"""

import os
import shutil
import sys
import tempfile
from datetime import datetime, timedelta, timezone

import pandas as pd

from feast import (
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    PushSource,
    RepoConfig,
    RequestSource,
    StreamFeatureView,
)
from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
from feast.infra.data_sources.contrib.iceberg_catalog.unity_catalog_source import (
    UnityCatalogSource,
)
from feast.labeling.label_view import LabelView
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64, String, from_value_type
from feast.value_type import ValueType

driver = Entity(
    name="driver",
    join_keys=["driver_id"],
    value_type=ValueType.INT64,
    description="A driver",
    owner="ops@example.com",
    tags={"team": "rides", "tier": "1"},
)
customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)


def store(folder, name, project):
    return FeatureStore(
        config=RepoConfig(
            project=project,
            provider="local",
            registry=os.path.join(folder, name),
            online_store={"type": "sqlite", "path": os.path.join(folder, "online.db")},
            entity_key_serialization_version=3,
        )
    )


def driver_stats(source):
    return FeatureView(
        name="driver_stats",
        entities=[driver],
        ttl=timedelta(days=1, milliseconds=500),
        schema=[
            Field(name="driver_id", dtype=Int64),
            Field(name="conv_rate", dtype=Float64, description="rate", tags={"unit": "1"}),
            Field(name="trips", dtype=Int64),
        ],
        source=source,
        tags={"team": "rides"},
        owner="ops@example.com",
        description="Stats by the hour",
    )


def file_source(name="driver_stats_source"):
    return FileSource(
        name=name,
        path="data/driver_stats.parquet",
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
        field_mapping={"cr": "conv_rate"},
        tags={"origin": "spark"},
        description="Written by Spark",
        owner="data@example.com",
    )


def files(folder):
    fs = store(folder, "files.db", "rides")
    view = driver_stats(file_source())
    world = FeatureView(
        name="world",
        entities=[],
        schema=[Field(name="temperature", dtype=Float64)],
        source=FileSource(name="world_source", path="data/world.parquet", timestamp_field="ts"),
        online=False,
    )
    pairs = FeatureView(
        name="pairs",
        entities=[driver, customer],
        schema=[
            Field(name="driver_id", dtype=Int64),
            Field(name="customer_id", dtype=String),
            Field(name="rides", dtype=Int64),
        ],
        source=FileSource(name="pairs_source", path="data/pairs.parquet", timestamp_field="ts"),
    )
    types = FeatureView(
        name="types",
        entities=[driver],
        schema=[Field(name="driver_id", dtype=Int64)]
        + [
            Field(name=f"f_{t.name.lower()}", dtype=from_value_type(t))
            for t in ValueType
            if t.name not in ("UNKNOWN", "NULL", "VALUE_LIST", "VALUE_SET")
        ],
        source=FileSource(name="types_source", path="data/types.parquet", timestamp_field="ts"),
    )
    now = RequestSource(name="request", schema=[Field(name="extra", dtype=Float64)])

    @on_demand_feature_view(
        sources=[view, now], schema=[Field(name="sum", dtype=Float64)], mode="pandas"
    )
    def added(inputs: pd.DataFrame) -> pd.DataFrame:
        out = pd.DataFrame()
        out["sum"] = inputs["conv_rate"] + inputs["extra"]
        return out

    # The pickled function would name this script's absolute path.
    udf = added.feature_transformation.udf
    udf.__code__ = udf.__code__.replace(co_filename="added.py")

    pushed = StreamFeatureView(
        name="pushed",
        entities=[driver],
        ttl=timedelta(hours=2),
        schema=[Field(name="driver_id", dtype=Int64), Field(name="speed", dtype=Float64)],
        source=PushSource(name="push", batch_source=file_source("push_batch")),
        timestamp_field="event_timestamp",
    )
    label = LabelView(
        name="labels",
        entities=[driver],
        schema=[Field(name="driver_id", dtype=Int64), Field(name="good", dtype=Int64)],
        labeler_field="good",
        source=PushSource(name="label_push", batch_source=file_source("label_batch")),
    )
    services = [
        FeatureService(name="all_stats", features=[view, world], tags={"a": "b"}, owner="me"),
        FeatureService(
            name="renamed",
            description="A picked and renamed view",
            features=[
                view[["trips"]].with_name("origin").with_join_key_map({"driver_id": "origin_id"}),
                pairs,
            ],
        ),
    ]
    fs.apply(
        [driver, customer, view, world, pairs, types, added, pushed, label, *services]
    )
    fs.registry.apply_materialization(
        fs.get_feature_view("driver_stats"),
        "rides",
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc),
    )


def iceberg(folder):
    fs = store(folder, "iceberg.db", "rides")
    source = IcebergSource(
        name="lake.rides.driver_stats",
        catalog_type="sql",
        catalog_name="lake",
        endpoint="sqlite:///warehouse/catalog.db",
        warehouse="warehouse",
        namespace="rides",
        table="driver_stats",
        catalog_properties={"prefix": "größe \"x\" \U0001f600", "token": "do-not-show"},
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    plain = IcebergSource(
        warehouse="s3://bucket/wh", namespace="a.b", table="t", endpoint="http://localhost:8181"
    )
    plain.timestamp_field = "ts"
    unity = UnityCatalogSource(
        endpoint="https://example.com/api/2.1/unity-catalog/iceberg",
        warehouse="main",
        namespace="rides",
        table="payments",
        timestamp_field="ts",
    )
    paid = FeatureView(
        name="payments",
        entities=[customer],
        schema=[Field(name="customer_id", dtype=String), Field(name="amount", dtype=Float64)],
        source=unity,
    )
    fs.apply([driver, customer, driver_stats(source), plain, paid])


def projects(folder):
    for project in ("rides", "food"):
        fs = store(folder, "projects.db", project)
        view = driver_stats(file_source())
        view.description = f"of {project}"
        service = FeatureService(name="all_stats", features=[view])
        fs.apply([driver, view, service])
    # A second schema of one view: its history has two versions.
    view.features.append(Field(name="late", dtype=String))
    fs.apply([view])


def empty(folder):
    fs = store(folder, "empty.db", "rides")
    fs.refresh_registry()


def main():
    with tempfile.TemporaryDirectory() as folder:
        for make in (files, iceberg, projects, empty):
            make(folder)
            shutil.copy(os.path.join(folder, f"{make.__name__}.db"), f"{make.__name__}.db")


if __name__ == "__main__":
    sys.exit(main())
