# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""The definitions as a team keeps them. registry.db is what Feast 0.67 made of them:

feast apply --skip-source-validation
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
from feast.types import Float64, Int64, String

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)

driver_stats = FeatureView(
    name="driver_stats",
    entities=[driver],
    ttl=timedelta(days=2),
    schema=[
        Field(name="driver_id", dtype=Int64),
        Field(name="conv_rate", dtype=Float64, description="Rides accepted of rides offered"),
        Field(name="trips_today", dtype=Int64),
    ],
    source=IcebergSource(
        name="driver_stats_table",
        catalog_type="sql",
        catalog_name="lake",
        endpoint="sqlite:///catalog.db",
        warehouse="warehouse",
        namespace="rides",
        table="driver_stats",
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
        field_mapping={"trips": "trips_today"},
    ),
    tags={"team": "rides"},
)

customer_profile = FeatureView(
    name="customer_profile",
    entities=[customer],
    schema=[
        Field(name="customer_id", dtype=String),
        Field(name="segment", dtype=String),
        Field(name="orders", dtype=Int64),
    ],
    source=FileSource(name="profiles", path="data/customer_profile.parquet", timestamp_field="event_timestamp"),
)

trip_model = FeatureService(
    name="trip_model",
    features=[driver_stats, customer_profile[["segment"]]],
    description="Will the customer tip?",
    owner="rides@example.com",
)
