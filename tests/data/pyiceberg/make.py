# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Write a SQLite catalog and its warehouse with PyIceberg, as a user of PyIceberg would.

usage: make.py OUTPUT_DIR [--catalog-name lake] [--bare-paths]

Run once with PyIceberg 0.12 and once with 0.11 or older: the catalog databases differ (the older one
has no `iceberg_type` column), and so do the table folders (`features/` and `features.db/`).

Everything is written under PLACEHOLDER and moved to OUTPUT_DIR afterwards, so every location recorded
in it starts with PLACEHOLDER, where nothing is left. `feast_testkit::relocate` maps it to a new place.
The rows come from the seed; ids, file names and commit times differ from run to run, and
`expected.json` is written with them.
"""

import argparse
import decimal
import json
import math
import random
import shutil
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyiceberg
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import (
    DoubleType, FloatType, IntegerType, ListType, LongType, NestedField, StringType, TimestampType,
    TimestamptzType, DecimalType, BooleanType, DateType,
)

PLACEHOLDER = Path("/tmp/datafusion-feast-fixture")
START = datetime(2025, 1, 1, tzinfo=timezone.utc)
UTC = pa.timestamp("us", tz="UTC")
NAIVE = pa.timestamp("us")


def driver_rows(rng, drivers, first_day, days, delay_hours=1):
    """One row a driver a day: event time at a random second, created some time later."""
    rows = []
    for day in range(first_day, first_day + days):
        for driver in drivers:
            event = START + timedelta(days=day, seconds=rng.randrange(86_400))
            rows.append({
                "driver_id": driver,
                "event_timestamp": event,
                "created": event + timedelta(hours=delay_hours),
                "conv_rate": None if rng.random() < 0.1 else round(rng.random(), 4),
                "acc_rate": round(rng.random(), 3),
                "trips": rng.randrange(1_000),
            })
    return rows


def driver_stats(cat, rng):
    """Late rows, corrected duplicates, a NULL key, a NULL time; a rename and an added column."""
    table = cat.create_table("features.driver_stats", Schema(
        NestedField(1, "driver_id", LongType()),
        NestedField(2, "event_timestamp", TimestamptzType()),
        NestedField(3, "created", TimestamptzType()),
        NestedField(4, "conv_rate", DoubleType()),
        NestedField(5, "acc_rate", FloatType()),
        NestedField(6, "trips", IntegerType()),
    ))
    old = pa.schema([("driver_id", pa.int64()), ("event_timestamp", UTC), ("created", UTC),
                     ("conv_rate", pa.float64()), ("acc_rate", pa.float32()), ("trips", pa.int32())])
    drivers = range(1001, 1006)
    first = driver_rows(rng, drivers, 0, 7)
    table.append(pa.Table.from_pylist(first, old))

    second = driver_rows(rng, drivers, 7, 7)
    late = driver_rows(rng, [1001, 1002], 2, 1, delay_hours=240)
    corrected = [dict(row, conv_rate=0.5, created=row["created"] + timedelta(days=2)) for row in first[-3:]]
    incomplete = [dict(second[0], driver_id=None), dict(second[1], event_timestamp=None)]
    table.append(pa.Table.from_pylist(second + late + corrected + incomplete, old))

    with table.update_schema() as update:
        update.rename_column("trips", "avg_daily_trips")
        update.add_column("total_trips", LongType(), doc="Trips since the driver joined")
    new = pa.schema([field.with_name("avg_daily_trips") if field.name == "trips" else field for field in old]
                    + [pa.field("total_trips", pa.int64())])
    third = [dict(row, avg_daily_trips=row.pop("trips"), total_trips=row["driver_id"] * 10 + i)
             for i, row in enumerate(driver_rows(rng, drivers, 14, 3))]
    table.append(pa.Table.from_pylist(third, new))


def customer_profile(cat):
    """A string key beyond ASCII, a naive time, lists with NULL and empty elements."""
    table = cat.create_table("features.customer_profile", Schema(
        NestedField(1, "customer_id", StringType()),
        NestedField(2, "event_timestamp", TimestampType()),
        NestedField(3, "segment", StringType()),
        NestedField(4, "recent_products", ListType(20, StringType(), element_required=False)),
        NestedField(5, "balance", DoubleType()),
    ))
    schema = pa.schema([("customer_id", pa.string()), ("event_timestamp", NAIVE), ("segment", pa.string()),
                        ("recent_products", pa.list_(pa.string())), ("balance", pa.float64())])
    names = ["ana", "Ana", "žofie", "李雷", "o'neil", "", "emoji 🚕"]
    products = [["taxi", None], [], None, ["größe", "茶"], ["a", "b", "c"]]
    for week in range(2):
        rows = [{
            "customer_id": name,
            "event_timestamp": START.replace(tzinfo=None) + timedelta(days=7 * week, hours=i, microseconds=i),
            "segment": [None, "new", "loyal"][(i + week) % 3],
            "recent_products": products[(i + week) % len(products)],
            "balance": [math.nan, -0.0, 12.25, math.inf][(i + week) % 4],
        } for i, name in enumerate(names)]
        table.append(pa.Table.from_pylist(rows, schema))


def trips(cat, rng):
    """Partitioned by day and region, one region NULL; a decimal, a boolean and a date."""
    spec = PartitionSpec(PartitionField(3, 1000, DayTransform(), "event_day"),
                         PartitionField(2, 1001, IdentityTransform(), "region"))
    table = cat.create_table("features.trips", Schema(
        NestedField(1, "driver_id", LongType()),
        NestedField(2, "region", StringType()),
        NestedField(3, "event_timestamp", TimestamptzType()),
        NestedField(4, "fare", DecimalType(10, 2)),
        NestedField(5, "paid", BooleanType()),
        NestedField(6, "billed_on", DateType()),
    ), partition_spec=spec)
    schema = pa.schema([("driver_id", pa.int64()), ("region", pa.string()), ("event_timestamp", UTC),
                        ("fare", pa.decimal128(10, 2)), ("paid", pa.bool_()), ("billed_on", pa.date32())])
    for batch in range(2):
        rows = []
        for i in range(10):
            event = START + timedelta(days=2 * batch + i % 2, hours=i)
            rows.append({
                "driver_id": 1001 + i % 5,
                "region": ["north", "south", None][i % 3],
                "event_timestamp": event,
                "fare": decimal.Decimal(rng.randrange(100, 9_999)) / 100,
                "paid": i % 4 != 0,
                "billed_on": (event + timedelta(days=1)).date(),
            })
        table.append(pa.Table.from_pylist(rows, schema))


def never_written(cat):
    """No snapshot at all: reads as empty."""
    cat.create_table("features.never_written", Schema(
        NestedField(1, "driver_id", LongType()), NestedField(2, "event_timestamp", TimestamptzType()),
        NestedField(3, "score", DoubleType())))


def other_namespaces(cat):
    """A second namespace, a nested one, and a table whose metadata file is gone."""
    schema = Schema(NestedField(1, "driver_id", LongType()), NestedField(2, "note", StringType()))
    rows = pa.Table.from_pylist([{"driver_id": 1001, "note": "first"}, {"driver_id": None, "note": None}],
                                pa.schema([("driver_id", pa.int64()), ("note", pa.string())]))
    cat.create_namespace("raw")
    cat.create_namespace("raw.notes")
    cat.create_table("raw.notes.drivers", schema).append(rows)
    cat.create_namespace("broken")
    lost = cat.create_table("broken.lost_metadata", schema)
    shutil.rmtree(local(lost.metadata_location).parent)


def bare_path(cat):
    """A table whose locations are paths without a scheme, as older scripts make them."""
    table = cat.create_table("features.bare_path", Schema(
        NestedField(1, "driver_id", LongType()), NestedField(2, "event_timestamp", TimestamptzType()),
        NestedField(3, "rating", DoubleType())), location=str(PLACEHOLDER / "warehouse" / "bare" / "path"))
    schema = pa.schema([("driver_id", pa.int64()), ("event_timestamp", UTC), ("rating", pa.float64())])
    rows = [{"driver_id": 1001 + i, "event_timestamp": START + timedelta(days=i), "rating": i / 2} for i in range(5)]
    table.append(pa.Table.from_pylist(rows, schema))


def entities():
    """Orders to enrich: known and unknown drivers, NULL keys, NULL time, duplicates, exact edges."""
    rng = random.Random(11)
    customers = ["ana", "žofie", "李雷", "unknown", None, "emoji 🚕"]
    rows = []
    for i in range(40):
        rows.append({
            "order_id": i,
            "driver_id": None if i % 13 == 12 else 1000 + rng.randrange(7),
            "customer_id": customers[i % len(customers)],
            "event_timestamp": None if i == 20 else START + timedelta(seconds=rng.randrange(-86_400, 24 * 86_400)),
            "label": rng.randrange(2),
        })
    rows.append(dict(rows[3], order_id=40))
    return pa.Table.from_pylist(rows, pa.schema([
        ("order_id", pa.int64()), ("driver_id", pa.int64()), ("customer_id", pa.string()),
        ("event_timestamp", UTC), ("label", pa.int64())]))


def local(location):
    return Path(location.removeprefix("file://"))


def canonical(value):
    """The form of a value in expected.json; see tests/data/README.md."""
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, datetime):
        text = value.strftime("%Y-%m-%dT%H:%M:%S.%f")
        return text + "+00:00" if value.tzinfo else text
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def canonical_rows(arrow):
    return [[canonical(v) for v in row.values()] for row in arrow.to_pylist()]


def sort_rows(rows):
    return sorted(rows, key=lambda row: json.dumps(row, ensure_ascii=False))


def expected(cat, identifier):
    """What PyIceberg itself reads, now and at each snapshot."""
    table = cat.load_table(identifier)
    arrow = table.scan().to_arrow()
    snapshots = [{
        "snapshot_id": s.snapshot_id,
        "timestamp_ms": s.timestamp_ms,
        "row_count": table.scan(snapshot_id=s.snapshot_id).to_arrow().num_rows,
    } for s in table.snapshots()]
    return {
        "metadata_file": str(local(table.metadata_location).relative_to(PLACEHOLDER)),
        "columns": [[f.name, str(f.field_type)] for f in table.schema().fields],
        "row_count": arrow.num_rows,
        "rows": sort_rows(canonical_rows(arrow)),
        "snapshots": snapshots,
    }


def training_set(cat, orders, ttl=timedelta(days=7)):
    """The point-in-time join of the orders with driver_stats, by reading every row for every order."""
    history = cat.load_table("features.driver_stats").scan().to_arrow().to_pylist()
    features = ["conv_rate", "acc_rate", "avg_daily_trips", "total_trips"]
    rows = []
    for order in orders.to_pylist():
        t = order["event_timestamp"]
        candidates = [f for f in history if t and order["driver_id"] is not None
                      and f["driver_id"] == order["driver_id"] and f["event_timestamp"]
                      and f["event_timestamp"] <= t <= f["event_timestamp"] + ttl]
        winner = max(candidates, key=lambda f: (f["event_timestamp"], f["created"]), default={})
        rows.append([canonical(v) for v in order.values()] + [canonical(winner.get(f)) for f in features])
    return {"ttl_days": ttl.days, "columns": orders.column_names + features, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("--catalog-name", default="lake")
    parser.add_argument("--bare-paths", action="store_true", help="also write a table without file:// in its paths")
    args = parser.parse_args()

    shutil.rmtree(PLACEHOLDER, ignore_errors=True)
    (PLACEHOLDER / "warehouse").mkdir(parents=True)
    rng = random.Random(7)
    cat = SqlCatalog(args.catalog_name, uri=f"sqlite:///{PLACEHOLDER}/catalog.db",
                     warehouse=f"file://{PLACEHOLDER}/warehouse")
    cat.create_namespace("features")
    driver_stats(cat, rng)
    customer_profile(cat)
    trips(cat, rng)
    never_written(cat)
    if args.bare_paths:
        bare_path(cat)
    orders = entities()
    pq.write_table(orders, PLACEHOLDER / "entities.parquet")

    names = [".".join(identifier) for identifier in cat.list_tables("features")] + ["raw.notes.drivers"]
    other_namespaces(cat)
    answer = {
        "pyiceberg": pyiceberg.__version__,
        "catalog_name": args.catalog_name,
        "location": f"file://{PLACEHOLDER}",
        "tables": {name: expected(cat, name) for name in sorted(names)},
        "training_set": training_set(cat, orders),
    }
    cat.engine.dispose()
    lines = ",\n".join(f'    {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}' for k, v in answer["tables"].items())
    head = {k: v for k, v in answer.items() if k not in ("tables", "training_set")}
    text = json.dumps(head, indent=2)[:-2] + f',\n  "tables": {{\n{lines}\n  }},\n  "training_set": '
    text += json.dumps(answer["training_set"], ensure_ascii=False) + "\n}\n"
    json.loads(text)
    (PLACEHOLDER / "expected.json").write_text(text)

    shutil.rmtree(args.output_dir, ignore_errors=True)
    shutil.move(PLACEHOLDER, args.output_dir)


if __name__ == "__main__":
    main()
