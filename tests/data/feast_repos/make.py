# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Builds Feast feature repositories with Feast itself, and records what it answers.

usage: make.py            (with Feast 0.67.0, its duckdb extra and pyiceberg[sql-sqlite] installed)

Everything is written under PLACEHOLDER and copied beside this script, so that every location recorded in
Iceberg metadata begins with PLACEHOLDER, where nothing is left. `feast_testkit::relocate` maps it to a new
place. Rows and requests come from the seed; ids, file names and times of writing differ from run to run.
"""

import json
import os
import random
import shutil
import types
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType, DoubleType, IntegerType, ListType, LongType, NestedField, StringType, TimestampType,
    TimestamptzType,
)

from feast import (
    BatchFeatureView, BigQuerySource, Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource,
    KafkaSource, Project, PushSource, RequestSource, StreamFeatureView,
)
from feast.data_format import JsonFormat
from feast.data_source import DataSource
from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.protos.feast.core.DataSource_pb2 import DataSource as DataSourceProto
from feast.types import Array, Bool, Float64, Int32, Int64, String, UnixTimestamp
from feast.value_type import ValueType

SEED = 20261121
REQUESTS = 200
PLACEHOLDER = Path("/tmp/datafusion-feast-repos")
HERE = Path(__file__).resolve().parent
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
UTC = pa.timestamp("us", tz="UTC")
DAYS = 10

RIDES_YAML = """\
# A repository as a team may have it: relative paths, a variable, keys that are not Feast's.
project: rides
provider: local
registry:
  path: data/registry.db
  cache_ttl_seconds: 60
offline_store:
  type: duckdb
online_store:
  type: sqlite
  path: ${RIDES_ONLINE_PATH}
entity_key_serialization_version: 3
team: rides-ml
"""

SQL_YAML = """\
project: rides
provider: local
registry:
  registry_type: sql
  path: sqlite:///registry.sqlite
offline_store:
  type: duckdb
online_store: null
entity_key_serialization_version: 3
"""


class CustomSource(DataSource):
    """A source whose class is not Feast's, with JSON as its configuration."""

    class_path = ""

    def __init__(self, name, configuration, **kwargs):
        super().__init__(name=name, **kwargs)
        self.configuration = configuration

    def source_type(self):
        return DataSourceProto.CUSTOM_SOURCE

    @classmethod
    def from_proto(cls, proto):
        return cls(proto.name, json.loads(proto.custom_options.configuration), timestamp_field=proto.timestamp_field)

    def _to_proto_impl(self):
        return DataSourceProto(
            name=self.name, type=DataSourceProto.CUSTOM_SOURCE, data_source_class_type=self.class_path,
            timestamp_field=self.timestamp_field,
            custom_options=DataSourceProto.CustomSourceOptions(
                configuration=json.dumps(self.configuration).encode()))

    def validate(self, config):
        pass

    def get_table_column_names_and_types(self, config):
        return []

    @staticmethod
    def source_datatype_to_feast_value_type():
        return lambda name: ValueType.UNKNOWN

    def get_table_query_string(self):
        return self.name


def custom_class(module, name):
    """A class under the path that the registry records for it."""
    found = type(name, (CustomSource,), {"class_path": f"{module}.{name}", "__module__": module})
    setattr(sys.modules.setdefault(module, types.ModuleType(module)), name, found)
    return found


OurTable = custom_class("datafusion_feast", "TableSource")
OurIceberg = custom_class("datafusion_feast", "IcebergSource")
Theirs = custom_class("their_company", "WarehouseSource")


# Tables ---------------------------------------------------------------------------------------------------

def moments(rng, count):
    """Distinct event times: some whole hours, some with microseconds."""
    found = set()
    while len(found) < count:
        time = START + timedelta(hours=rng.randrange(24 * DAYS))
        if rng.random() < 0.3:
            time += timedelta(microseconds=rng.randrange(3_600_000_000))
        found.add(time)
    return sorted(found)


def maybe(rng, value, chance=0.1):
    return None if rng.random() < chance else value


def histories(rng, keys, per_key, row):
    """Rows with distinct (key, event time, created time): some events are written twice, the later one counts."""
    rows = []
    for key in keys:
        for time in moments(rng, per_key):
            created = time + timedelta(minutes=rng.randrange(600))
            versions = [created] if rng.random() < 0.8 else [created, created + timedelta(minutes=rng.randrange(1, 3000))]
            rows += [{**key, "event_timestamp": time, "created": at, **row(rng)} for at in versions]
    rng.shuffle(rows)
    return rows


def driver_stats(rng):
    rows = histories(rng, [{"driver_id": k} for k in range(1001, 1009)], 24, lambda r: {
        "conv_rate": maybe(r, round(r.random(), 4)), "trips": maybe(r, r.randrange(1000)),
        "rating": maybe(r, r.choice([4.5, float("nan"), -0.0, 1e300])), "active": maybe(r, r.random() < 0.5)})
    rows[0]["driver_id"] = None
    rows[1]["event_timestamp"] = None
    rows[2]["created"] = None
    return pa.Table.from_pylist(rows, pa.schema([
        ("driver_id", pa.int64()), ("event_timestamp", UTC), ("created", UTC), ("conv_rate", pa.float64()),
        ("trips", pa.int32()), ("rating", pa.float64()), ("active", pa.bool_())]))


def customer_profile(rng):
    naive = lambda row: {**row, "event_timestamp": row["event_timestamp"].replace(tzinfo=None)}
    rows = histories(rng, [{"customer_id": k} for k in ("ana", "Ana", "žofie", "李雷", "o'neil", "")], 12, lambda r: {
        "segment": maybe(r, r.choice(["new", "loyal", "größe 茶", ""])), "orders": maybe(r, r.randrange(10**12))})
    latest = {(row["customer_id"], row["event_timestamp"]): row for row in rows}
    return pa.Table.from_pylist([naive(row) for row in latest.values()], pa.schema([
        ("customer_id", pa.string()), ("event_timestamp", pa.timestamp("us")), ("segment", pa.string()),
        ("orders", pa.int64())]))


def driver_profile(rng):
    rows = histories(rng, [{"driver_id": k} for k in range(1001, 1007)], 8, lambda r: {
        "badges": maybe(r, r.choice([[], ["gold"], ["a", "é", ""]])),
        "scores": maybe(r, r.choice([[], [1], [3, -2, 10**15]])),
        "hired": maybe(r, START - timedelta(days=r.randrange(1000)))})
    return pa.Table.from_pylist(rows, pa.schema([
        ("driver_id", pa.int64()), ("event_timestamp", UTC), ("created", UTC), ("badges", pa.list_(pa.string())),
        ("scores", pa.list_(pa.int64())), ("hired", UTC)]))


def zone_demand(rng):
    rows = histories(rng, [{"zone_id": k} for k in range(1, 8)], 16, lambda r: {"demand": maybe(r, r.randrange(500)), "surge": r.random()})
    return pa.Table.from_pylist(rows, pa.schema([
        ("zone_id", pa.int32()), ("event_timestamp", UTC), ("created", UTC), ("demand", pa.int64()), ("surge", pa.float64())]))


def weather(rng):
    rows = histories(rng, [{}], 40, lambda r: {"temperature": maybe(r, r.uniform(-10, 35)), "rain": r.random() < 0.3})
    return pa.Table.from_pylist(rows, pa.schema([
        ("event_timestamp", UTC), ("created", UTC), ("temperature", pa.float64()), ("rain", pa.bool_())]))


def driver_customer(rng):
    keys = [{"driver_id": d, "customer_id": c} for d in (1001, 1002, 1003) for c in ("ana", "Ana", "李雷")]
    rows = histories(rng, keys, 9, lambda r: {"rides": maybe(r, r.randrange(50)), "last_fare": r.uniform(3, 80)})
    return pa.Table.from_pylist(rows, pa.schema([
        ("driver_id", pa.int64()), ("customer_id", pa.string()), ("event_timestamp", UTC), ("created", UTC),
        ("rides", pa.int64()), ("last_fare", pa.float64())]))


def write_tables(root):
    rng = random.Random(SEED)
    (root / "data/zone_demand").mkdir(parents=True)
    catalog = SqlCatalog("lake", uri=f"sqlite:///{root}/catalog.db", warehouse=f"file://{root}/warehouse")
    catalog.create_namespace("features")
    stats = catalog.create_table("features.driver_stats", Schema(
        NestedField(1, "driver_id", LongType()), NestedField(2, "event_timestamp", TimestamptzType()),
        NestedField(3, "created", TimestamptzType()), NestedField(4, "conv_rate", DoubleType()),
        NestedField(5, "trips", IntegerType()), NestedField(6, "rating", DoubleType()),
        NestedField(7, "active", BooleanType())))
    rows = driver_stats(rng)
    half = len(rows) // 2
    stats.append(rows.slice(0, half))
    # Rows that are deleted again: only who reads the data files as they are sees them.
    wrong = rows.slice(0, 5).set_column(4, "trips", pa.array([10_000] * 5, pa.int32()))
    stats.append(wrong)
    stats.delete("trips = 10000")
    stats.append(rows.slice(half))
    profile = catalog.create_table("features.customer_profile", Schema(
        NestedField(1, "customer_id", StringType()), NestedField(2, "event_timestamp", TimestampType()),
        NestedField(3, "segment", StringType()), NestedField(4, "orders", LongType())))
    profile.append(customer_profile(rng))
    catalog.close()

    pq.write_table(driver_profile(rng), root / "data/driver_profile.parquet")
    demand = zone_demand(rng)
    for part, offset in enumerate(range(0, len(demand), 60)):
        pq.write_table(demand.slice(offset, 60), root / f"data/zone_demand/part-{part}.parquet")
    sky = weather(rng)
    pq.write_table(sky.slice(0, 25), root / "data/weather-2026a.parquet")
    pq.write_table(sky.slice(25), root / "data/weather-2026b.parquet")
    pq.write_table(driver_customer(rng), root / "data/driver_customer.parquet")


# Definitions ----------------------------------------------------------------------------------------------

def iceberg(table, root="", **kwargs):
    kwargs.setdefault("timestamp_field", "event_timestamp")
    return IcebergSource(
        name=f"lake.features.{table}", catalog_type="sql", catalog_name="lake", endpoint=f"sqlite:///{root}catalog.db",
        warehouse=f"{root}warehouse", namespace="features", table=table,
        # A key that is not needed here, as teams with an object store have it.
        catalog_properties={"s3.secret-access-key": "hush-hush", "s3.region": "eu-central-1"}, **kwargs)


def file(name, path, **kwargs):
    kwargs.setdefault("created_timestamp_column", "created")
    return FileSource(name=name, path=path, timestamp_field="event_timestamp", **kwargs)


driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64, description="Who drives",
                owner="rides@example.com", tags={"team": "rides"})
customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
zone = Entity(name="zone", join_keys=["zone_id"], value_type=ValueType.INT32)


def rides_views(root=""):
    stats = FeatureView(
        name="driver_stats", entities=[driver], ttl=timedelta(days=2), tags={"team": "rides", "größe": "ü"},
        description="Figures of a driver", owner="rides@example.com",
        schema=[Field(name="driver_id", dtype=Int64), Field(name="conv_rate", dtype=Float64, description="Accepted of offered"),
                Field(name="trips_today", dtype=Int32), Field(name="rating", dtype=Float64), Field(name="active", dtype=Bool)],
        source=iceberg("driver_stats", root, created_timestamp_column="created", field_mapping={"trips": "trips_today"}))
    profile = FeatureView(
        name="customer_profile", entities=[customer],
        schema=[Field(name="customer_id", dtype=String), Field(name="segment", dtype=String), Field(name="orders", dtype=Int64)],
        source=iceberg("customer_profile", root))
    badges = FeatureView(
        name="driver_profile", entities=[driver], ttl=timedelta(days=4), online=False,
        schema=[Field(name="driver_id", dtype=Int64), Field(name="badges", dtype=Array(String)),
                Field(name="scores", dtype=Array(Int64)), Field(name="hired", dtype=UnixTimestamp)],
        source=file("driver_profile_file", f"{root}data/driver_profile.parquet", tags={"origin": "hr"}))
    demand = FeatureView(
        name="zone_demand", entities=[zone], ttl=timedelta(hours=12),
        schema=[Field(name="zone_id", dtype=Int32), Field(name="demand", dtype=Int64), Field(name="surge", dtype=Float64)],
        source=file("zone_demand_files", f"{root}data/zone_demand/*.parquet"))
    sky = FeatureView(
        name="weather", entities=[], ttl=timedelta(hours=9),
        schema=[Field(name="temperature", dtype=Float64), Field(name="rain", dtype=Bool)],
        source=file("weather_files", f"{root}data/weather-*.parquet"))
    pair = FeatureView(
        name="driver_customer", entities=[driver, customer], ttl=timedelta(days=3),
        schema=[Field(name="driver_id", dtype=Int64), Field(name="customer_id", dtype=String),
                Field(name="rides", dtype=Int64), Field(name="last_fare", dtype=Float64)],
        source=PushSource(name="fares", batch_source=file("driver_customer_file", f"{root}data/driver_customer.parquet")))
    live = StreamFeatureView(
        name="live_demand", entities=[zone], ttl=timedelta(days=1), timestamp_field="event_timestamp",
        schema=[Field(name="zone_id", dtype=Int32), Field(name="surge", dtype=Float64)],
        source=KafkaSource(
            name="demand_topic", kafka_bootstrap_servers="localhost:9092", topic="demand", timestamp_field="event_timestamp",
            message_format=JsonFormat(schema_json="zone_id int"),
            batch_source=file("live_demand_files", f"{root}data/zone_demand/*.parquet")))
    return stats, profile, badges, demand, sky, pair, live


def rides_services(stats, profile, badges, demand, sky, pair, live):
    return [
        FeatureService(name="trip_model", tags={"stage": "prod"}, owner="ml@example.com", description="Price of a trip", features=[
            stats[["conv_rate", "trips_today"]], sky,
            demand.with_name("origin").with_join_key_map({"zone_id": "origin_id"}),
            demand[["demand"]].with_name("destination").with_join_key_map({"zone_id": "destination_id"})]),
        FeatureService(name="driver_model", features=[stats, badges[["badges", "hired"]], pair[["rides"]]]),
        FeatureService(name="customer_model", features=[profile, pair, live]),
    ]


def added_for(stats, request):
    @on_demand_feature_view(sources=[stats, request], schema=[Field(name="score", dtype=Float64)], mode="pandas")
    def driver_score(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"score": inputs["conv_rate"] + inputs["extra"]})

    # The pickled function would name this script's path.
    udf = driver_score.feature_transformation.udf
    udf.__code__ = udf.__code__.replace(co_filename="driver_score.py")
    return driver_score


def beside(stats, root):
    """Views that SQL cannot run or that need care, by which `apply` would need the systems they name."""
    key = Field(name="driver_id", dtype=Int64)
    trips = [key, Field(name="trips", dtype=Int64)]

    def view(name, source, kind=FeatureView, **kwargs):
        return kind(name=name, entities=[driver], schema=trips, source=source, **kwargs)

    time = {"timestamp_field": "event_timestamp"}
    compute = lambda frame: frame
    compute.__code__ = compute.__code__.replace(co_filename="computed.py")
    views = [
        view("spark_table", SparkSource(name="spark_table", table="lake.features.driver_stats", **time)),
        view("spark_short", SparkSource(name="spark_short", table="features.driver_stats", **time)),
        view("spark_query", SparkSource(name="spark_query", query="SELECT 1", **time)),
        view("spark_path", SparkSource(name="spark_path", path="s3a://bucket/x", file_format="parquet", **time)),
        view("bigquery", BigQuerySource(name="bigquery", table="a.b.c", **time)),
        view("our_table", OurTable("our_table", {"table": "lake.features.driver_stats"}, **time)),
        view("our_iceberg", OurIceberg("our_iceberg", {
            "catalog_type": "sql", "catalog_name": "lake", "endpoint": f"sqlite:///{root}catalog.db",
            "warehouse": f"{root}warehouse", "namespace": "features", "table": "driver_stats"}, **time)),
        view("their_class", Theirs("their_class", {"dsn": "x"}, **time)),
        view("data_files", file("data_files", f"{root}warehouse/features/driver_stats/data/*.parquet")),
        view("table_folder", file("table_folder", f"{root}warehouse/features/driver_stats")),
        view("other_lake", IcebergSource(
            name="other_lake", catalog_type="sql", catalog_name="lake", endpoint=f"sqlite:///{root}elsewhere.db",
            warehouse="warehouse", namespace="features", table="driver_stats", **time)),
        view("computed", file("computed_file", f"{root}data/driver_profile.parquet"), BatchFeatureView,
             mode="python", udf=compute, udf_string="lambda frame: frame"),
    ]
    return views


def apply_rides(fs, root=""):
    views = rides_views(root)
    request = RequestSource(name="request", schema=[Field(name="extra", dtype=Float64)])
    score = added_for(views[0], request)
    services = rides_services(*views)
    services.append(FeatureService(name="scored_model", features=[views[0], score]))
    fs.apply([driver, customer, zone, *views, score, *services])
    for view in beside(views[0], root):
        fs.registry.apply_data_source(view.batch_source, fs.project, commit=False)
        fs.registry.apply_feature_view(view, fs.project, commit=False)
    push = PushSource(name="push_only", batch_source=file("push_rows", f"{root}data/driver_profile.parquet"))
    fs.registry.apply_data_source(push, fs.project, commit=False)
    kafka = KafkaSource(name="topic_only", kafka_bootstrap_servers="localhost:9092", topic="x",
                        timestamp_field="event_timestamp", message_format=JsonFormat(schema_json="a int"))
    fs.registry.apply_data_source(kafka, fs.project, commit=False)
    fs.registry.commit()
    fs.registry.apply_materialization(fs.get_feature_view("driver_stats"), fs.project, START, START + timedelta(days=3))


def apply_food(fs):
    """A second project in the same file, with names of the first."""
    source = file("driver_stats", "data/driver_profile.parquet")
    view = FeatureView(name="driver_stats", entities=[driver], source=source, description="of food",
                       schema=[Field(name="driver_id", dtype=Int64), Field(name="badges", dtype=Array(String))])
    fs.apply([driver, view, FeatureService(name="trip_model", features=[view])])


# Requests -------------------------------------------------------------------------------------------------

ENTITIES = pa.schema([
    ("request", pa.int32()), ("row", pa.int32()), ("driver_id", pa.int64()), ("customer_id", pa.string()),
    ("zone_id", pa.int32()), ("origin_id", pa.int32()), ("destination_id", pa.int32()), ("event_timestamp", UTC)])


def draw_entities(rng, request, times):
    rows = []
    for row in range(rng.randrange(1, 25)):
        if rows and rng.random() < 0.1:
            rows.append({**rng.choice(rows), "row": row})
            continue
        time = rng.choice(times)
        if rng.random() < 0.6:
            time += rng.choice([timedelta(days=2), timedelta(hours=12), timedelta(hours=9), timedelta(days=3),
                                timedelta(hours=rng.randrange(100)), timedelta(microseconds=-1), timedelta(microseconds=1)])
        some = lambda values: maybe(rng, rng.choice(values), 0.07)
        rows.append({
            "request": request, "row": row, "driver_id": some(range(1000, 1010)),
            "customer_id": some(["ana", "Ana", "žofie", "李雷", "o'neil", "", "nobody"]),
            "zone_id": some(range(0, 9)), "origin_id": some(range(0, 9)), "destination_id": some(range(0, 9)),
            "event_timestamp": maybe(rng, time, 0.03)})
    return rows


def draw_request(rng, views, services):
    full = rng.random() < 0.4
    asked = {"full_feature_names": full, "filter_by_created_timestamp": rng.random() < 0.3}
    if rng.random() < 0.25:
        service = rng.choice(services)
        names = [f.name for p in service.feature_view_projections for f in p.features]
        return {**asked, "service": service.name, "full_feature_names": full or len(set(names)) < len(names)}
    features = []
    for view in rng.sample(views, rng.randrange(1, len(views) + 1)):
        names = [f.name for f in view.features]
        features += [f"{view.name}:{name}" for name in rng.sample(names, rng.randrange(1, len(names) + 1))]
    if rng.random() < 0.3:
        rng.shuffle(features)
    names = [feature.split(":")[1] for feature in features]
    return {**asked, "features": features, "full_feature_names": full or len(set(names)) < len(names)}


def record(fs, views, services, out, count=REQUESTS, seed=SEED + 1, schema=ENTITIES, draw=draw_entities):
    rng = random.Random(seed)
    times = [START + timedelta(hours=h) for h in range(24 * DAYS)]
    for name in ("driver_profile.parquet", "driver_customer.parquet"):
        times += [t for t in pq.read_table(f"data/{name}")["event_timestamp"].to_pylist()]
    entities, requests, answers = [], [], []
    for number in range(count):
        rows = draw(rng, number, times)
        asked = draw_request(rng, views, services)
        table = pa.Table.from_pylist(rows, schema)
        frame = table.drop_columns(["request"]).to_pandas(types_mapper={
            pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}.get)
        features = fs.get_feature_service(asked["service"]) if "service" in asked else asked["features"]
        answer = fs.get_historical_features(
            entity_df=frame, features=features, full_feature_names=asked["full_feature_names"],
            **({"filter_by_created_timestamp": True} if asked["filter_by_created_timestamp"] else {})).to_arrow()
        answer = answer.sort_by("row")
        assert answer["row"].to_pylist() == list(range(len(rows))), number
        features = [name for name in answer.column_names if name not in schema.names]
        assert answer.column_names[:len(schema) - 1] == schema.names[1:], answer.column_names
        entities.append(table)
        known = full_names(fs, asked)
        requests.append({**asked, "columns": features, "recorded": known})
        assert [k.split("__")[-1] for k in known] == [f.split("__")[-1] for f in features], (known, features)
        columns = [pa.array([number] * len(rows), pa.int32()), answer["row"].cast(pa.int32())]
        columns += [answer[name] for name in features]
        answers.append(pa.table(columns, names=["request", "row", *known]))
    pq.write_table(pa.concat_tables(entities), out / "entities.parquet", compression="zstd")
    pq.write_table(pa.concat_tables(answers, promote_options="permissive"), out / "answers.parquet", compression="zstd")
    (out / "requests.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in requests) + "\n]\n")


def full_names(fs, asked):
    """The features asked for as `view__feature`, in the order of the answer."""
    if "service" in asked:
        projections = fs.get_feature_service(asked["service"]).feature_view_projections
        return [f"{p.name_to_use()}__{f.name}" for p in projections for f in p.features]
    views = list(dict.fromkeys(feature.split(":")[0] for feature in asked["features"]))
    return [feature.replace(":", "__") for view in views for feature in asked["features"] if feature.startswith(view + ":")]


def main():
    os.environ["RIDES_ONLINE_PATH"] = "data/online.db"
    shutil.rmtree(PLACEHOLDER, ignore_errors=True)
    rides, sql = PLACEHOLDER / "rides", PLACEHOLDER / "sql"
    for root, yaml in ((rides, RIDES_YAML), (sql, SQL_YAML)):
        root.mkdir(parents=True)
        (root / "feature_store.yaml").write_text(yaml)
    write_tables(rides)

    os.chdir(sql)
    apply_rides(FeatureStore("."), root="../rides/")
    os.chdir(rides)
    fs = FeatureStore(".")
    apply_rides(fs)
    views = rides_views()
    out = PLACEHOLDER / "answers"
    out.mkdir()
    record(fs, views, rides_services(*views), out)
    text = (rides / "feature_store.yaml").read_text()
    (rides / "feature_store.yaml").write_text(text.replace("project: rides", "project: food"))
    apply_food(FeatureStore("."))
    (rides / "feature_store.yaml").write_text(text)

    for folder in ("rides", "sql", "answers"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        shutil.copytree(PLACEHOLDER / folder, HERE / folder, ignore=shutil.ignore_patterns("online.db*"))
    shutil.rmtree(PLACEHOLDER)


if __name__ == "__main__":
    main()
