# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Opens with Feast 0.67.0 a registry that feast-registry wrote, and checks what it holds.

FEAST_REGISTRY_OUT=written.db cargo test -p feast-registry what_was_put
python crates/registry/tests/data/check_with_feast.py written.db
"""

import os
import shutil
import sys
import tempfile
from datetime import timedelta

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.types import Float64, Int64
from feast.value_type import ValueType


def main(path):
    with open(path, "rb") as file:
        proto = Registry.FromString(file.read())
    assert proto.registry_schema_version == "1"
    assert len(proto.version_id) == 36 and proto.last_updated.seconds == 1_800_000_004
    assert sorted(m.project for m in proto.project_metadata) == ["food", "rides"]

    folder = tempfile.mkdtemp()
    copy = os.path.join(folder, "registry.db")
    shutil.copy(path, copy)
    config = RepoConfig(
        project="rides",
        provider="local",
        registry=copy,
        online_store={"type": "sqlite", "path": os.path.join(folder, "online.db")},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    assert sorted(p.name for p in store.list_projects()) == ["food", "rides"]

    driver = store.get_entity("driver")
    assert (driver.join_key, driver.value_type) == ("driver_id", ValueType.INT64)
    assert (driver.description, driver.owner) == ("A driver", "ops")
    assert driver.tags == {"team": "rides"} and driver.created_timestamp is not None
    names = sorted(e.name for e in store.list_entities())
    assert names == ["city", "driver"], names

    assert sorted(v.name for v in store.list_feature_views()) == ["driver_stats", "types", "world"]
    stats = store.get_feature_view("driver_stats")
    assert stats.entities == ["driver"] and stats.join_keys == ["driver_id"]
    assert [(f.name, f.dtype) for f in stats.features] == [("conv_rate", Float64), ("trips", Int64)]
    assert stats.features[0].description == "rate" and stats.features[0].tags == {"unit": "1"}
    assert stats.ttl == timedelta(days=1, milliseconds=500) and stats.online
    assert (stats.description, stats.owner) == ("Stats by the hour", "ops")
    assert stats.tags["team"] == "rides"
    assert stats.tags["datafusion_feast.tie_break"] == '["seq", "gr\\u00f6\\u00dfe"]'
    assert stats.version == "latest" and stats.current_version_number is None
    source = stats.batch_source
    assert isinstance(source, IcebergSource)
    assert (source.catalog_type, source.catalog_name) == ("sql", "lake")
    assert (source.namespace, source.iceberg_table) == ("rides", "driver_stats")
    assert source.endpoint == "postgresql://me@host/db" and source.warehouse == "s3://bucket/wh"
    assert source.catalog_properties == {"s3.region": "eu"} and source.credential_vending
    assert source.timestamp_field == "event_timestamp"
    assert source.created_timestamp_column == "created"
    assert source.field_mapping == {"cr": "conv_rate"}

    world = store.registry.get_feature_view("world", "rides")
    assert world.entities == ["__dummy"] and world.join_keys == ["__dummy_id"]
    assert world.ttl == timedelta(0) and not world.online
    assert isinstance(world.batch_source, FileSource)
    assert world.batch_source.path == "data/world.parquet"
    types = {f.name: f.dtype.to_value_type().name for f in store.get_feature_view("types").features}
    assert types and all(name == f"f_{kind}" for name, kind in types.items()), types

    both = store.get_feature_service("both")
    assert (both.description, both.owner, both.tags) == ("Both", "me", {"a": "b"})
    origin, second = both.feature_view_projections
    assert origin.name_to_use() == "origin" and origin.join_key_map == {"driver_id": "origin_id"}
    assert [f.name for f in origin.features] == ["trips"]
    assert isinstance(origin.batch_source, IcebergSource)
    assert second.name_to_use() == "world"
    sources = sorted(s.name for s in store.list_data_sources())
    assert sources == ["lake.rides.driver_stats", "world_source"], sources
    versions = store.registry.list_feature_view_versions("driver_stats", "rides")
    assert [v["version_number"] for v in versions] == [0]

    # Feast changes it further: a view of ours by its own definition, then a removal.
    changed = FeatureView(
        name="world",
        entities=[],
        schema=[Field(name="temperature", dtype=Float64), Field(name="wind", dtype=Float64)],
        source=FileSource(name="world_source", path="data/world.parquet", timestamp_field="ts"),
    )
    more = Entity(name="rider", join_keys=["rider_id"], value_type=ValueType.STRING)
    store.apply([changed, more])
    assert len(store.get_feature_view("world").features) == 2
    versions = store.registry.list_feature_view_versions("world", "rides")
    assert [v["version_number"] for v in versions] == [0, 1]
    store.delete_feature_service("both")
    assert [s.name for s in store.list_feature_services()] == ["plain"]
    shutil.rmtree(folder)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main(sys.argv[1])
