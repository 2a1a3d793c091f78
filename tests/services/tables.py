# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""Makes tables in a lake and says which rows they have: the requests of `peers.py` are

    tables plain LAKE NAMESPACE      by PyIceberg: v1, v2, partitioned, evolved, empty
    tables deletes LAKE NAMESPACE    by DuckDB: position deletes, and in MiniStack deletion vectors
    tables one LAKE NAMESPACE TABLE  one small table, `id long, name string`, three rows
    tables many LAKE NAMESPACE TABLE FILES       the same with a file for each of so many appends
    tables evolve LAKE NAMESPACE TABLE STEP      one change of that table: see `evolve`
    tables ordered LAKE NAMESPACE TABLE          empty, partitioned and sorted, with properties
"""

import datetime
from decimal import Decimal

import pyarrow as pa
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    IdentityTransform,
    TruncateTransform,
)
from pyiceberg.types import (
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

from lake import attached, catalog
from values import as_text

UTC = datetime.timezone.utc

ALL_TYPES = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        ("flag", pa.bool_()),
        ("small", pa.int32()),
        ("single", pa.float32()),
        ("wide", pa.float64()),
        ("price", pa.decimal128(12, 2)),
        ("name", pa.string()),
        ("raw", pa.binary()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("at_utc", pa.timestamp("us", tz="UTC")),
        ("tags", pa.list_(pa.string())),
        ("spot", pa.struct([("x", pa.float64()), ("y", pa.int64())])),
    ]
)


def row(number: int) -> dict:
    """A row that is told by its number; every fifth has no value but the id."""
    if number % 5 == 4:
        return {name: number if name == "id" else None for name in ALL_TYPES.names}
    at = datetime.datetime(2026, 3, 1 + number % 7, number % 24, 30, 15, 250001)
    return {
        "id": number,
        "flag": number % 2 == 0,
        "small": number * 10 - 55,
        "single": number / 4,
        "wide": -number / 8,
        "price": Decimal(number * 25) / 100 + Decimal("0.05"),
        "name": ["north", "south", "east, west", "ü∂'\"", ""][number % 5],
        "raw": bytes([number % 256, 0, 255]),
        "day": at.date(),
        "at": at,
        "at_utc": at.replace(tzinfo=UTC),
        "tags": ["a", str(number)] if number % 3 else [],
        "spot": {"x": number / 2, "y": number},
    }


def arrow(rows: list[dict], schema: pa.Schema = ALL_TYPES) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


def told(rows: list[dict]) -> dict:
    columns = list(rows[0])
    return as_text(columns, [[row[name] for name in columns] for row in rows])


def namespace(lake, name: str) -> tuple[str, ...]:
    levels = tuple(name.split("."))
    for count in range(1, len(levels) + 1):
        try:
            lake.create_namespace(levels[:count])
        except NamespaceAlreadyExistsError:
            pass
    return levels


def plain(lake, levels) -> dict:
    made = {}
    first, second = [row(i) for i in range(12)], [row(i) for i in range(12, 20)]
    # MiniStack's metadata of version 1 lacks the field `schema`, which that version requires.
    for version in ("2",) if lake.name == "ministack" else ("1", "2"):
        table = lake.create_table(
            (*levels, "typed_v" + version), ALL_TYPES, properties={"format-version": version}
        )
        assert table.metadata.format_version == int(version), table.metadata.format_version
        table.append(arrow(first))
        table.append(arrow(second))
        made["typed_v" + version] = told(first + second)
    made["parted"] = parted(lake, levels, first, second)
    made["evolved"] = evolved(lake, levels)
    lake.create_table((*levels, "empty"), ALL_TYPES)
    made["empty"] = {"columns": ALL_TYPES.names, "rows": []}
    return made


def parted(lake, levels, first, second) -> dict:
    """Partitioned from the start, and the partitioning changed between the two appends.

    Not in MiniStack, which does not say how many partition fields there are already, so that two
    of them get the same id.
    """
    table = lake.create_table((*levels, "parted"), ALL_TYPES)
    with table.update_spec() as update:
        update.add_identity("name")
        update.add_field("at_utc", DayTransform(), "at_day")
    table.append(arrow(first))
    if lake.name != "ministack":
        with table.update_spec() as update:
            update.remove_field("at_day")
            update.add_field("id", BucketTransform(4), "id_bucket")
    table.append(arrow(second))
    return told(first + second)


def evolved(lake, levels) -> dict:
    """Renamed, added, dropped, widened and moved columns, the last change without a snapshot."""
    schema = pa.schema([("id", pa.int32()), ("old", pa.string()), ("gone", pa.float64())])
    table = lake.create_table((*levels, "evolved"), schema)
    table.append(arrow([{"id": i, "old": f"o{i}", "gone": i / 2} for i in range(3)], schema))
    with table.update_schema() as update:
        update.rename_column("old", "new")
        update.delete_column("gone")
        update.update_column("id", LongType())
    with table.update_schema() as update:
        update.add_column("gone", StringType())
    schema = pa.schema([("id", pa.int64()), ("new", pa.string()), ("gone", pa.string())])
    big = 1 << 40
    table.append(arrow([{"id": big, "new": "n", "gone": "back"}], schema))
    with table.update_schema() as update:
        update.rename_column("new", "newest")
        update.add_column("late", LongType())
        update.move_first("gone")
    rows = [{"gone": None, "id": i, "newest": f"o{i}", "late": None} for i in range(3)]
    return told(rows + [{"gone": "back", "id": big, "newest": "n", "late": None}])


def deletes(lake: str, schema: str) -> dict:
    """Rows taken out by DuckDB, which writes delete files beside the data files."""
    connection = attached(lake)
    made = {}
    for version in ("2", "3") if lake == "ministack" else ("2",):
        name = "deleted_v" + version
        table = f'lake."{schema}".{name}'
        connection.execute(
            f"""CREATE TABLE {table} (id BIGINT, region VARCHAR, amount DOUBLE)
                PARTITIONED BY (region) WITH ('format-version' = '{version}')"""
        )
        connection.execute(
            f"INSERT INTO {table} SELECT i, ['n', 's', 'w'][1 + i % 3], i / 4 FROM range(90) t(i)"
        )
        connection.execute(f"DELETE FROM {table} WHERE id % 7 = 0")
        connection.execute(
            f"INSERT INTO {table} SELECT i, 'n', i / 4 FROM range(90, 100) t(i)"
        )
        connection.execute(f"DELETE FROM {table} WHERE id IN (3, 95) OR amount = 20.5")
        made[name] = told(
            [
                {"id": i, "region": "n" if i >= 90 else "nsw"[i % 3], "amount": i / 4}
                for i in range(100)
                if not (i < 90 and i % 7 == 0) and i not in (3, 95, 82)
            ]
        )
    return made


SMALL = pa.schema([("id", pa.int64()), ("name", pa.string())])


def small(lake, levels, name: str, files: int, rows: int) -> dict:
    table = lake.create_table((*levels, name), SMALL)
    made = []
    for file in range(files):
        part = [{"id": file * rows + i, "name": f"row {file * rows + i}"} for i in range(rows)]
        table.append(arrow(part, SMALL))
        made += part
    return {name: told(made)}


def evolve(lake, levels, name: str, step: str) -> dict:
    """What others do to a table while a session has it open."""
    table = lake.load_table((*levels, name))
    match step:
        case "append":
            table.append(arrow([{"id": 100, "name": "late"}], SMALL))
        case "rename":
            with table.update_schema() as update:
                update.rename_column("name", "title")
        case "add":
            with table.update_schema() as update:
                update.add_column("score", LongType())
            schema = table.schema().as_arrow()
            table.append(arrow([{"id": 101, "title": "scored", "score": 7}], schema))
        case "delete":
            table.delete("id < 2")
        case other:
            raise ValueError(f"unknown step {other}")
    return {}


def ordered(lake, levels, name: str) -> dict:
    """What an INSERT has to keep: transforms, a sort order, a codec. MiniStack keeps only the first."""
    schema = Schema(
        NestedField(1, "id", LongType(), required=True),
        NestedField(2, "region", StringType()),
        NestedField(3, "at", TimestamptzType()),
        NestedField(4, "note", StringType()),
    )
    spec = PartitionSpec(
        PartitionField(2, 1000, IdentityTransform(), "region"),
        PartitionField(3, 1001, DayTransform(), "at_day"),
        PartitionField(1, 1002, BucketTransform(3), "id_bucket"),
        PartitionField(4, 1003, TruncateTransform(2), "note_start"),
    )
    order = SortOrder(
        SortField(4, IdentityTransform(), SortDirection.DESC, NullOrder.NULLS_LAST),
        SortField(1, IdentityTransform(), SortDirection.ASC, NullOrder.NULLS_FIRST),
    )
    lake.create_table(
        (*levels, name),
        schema,
        partition_spec=spec,
        sort_order=order,
        properties={"write.parquet.compression-codec": "gzip"},
    )
    return {}


def answer(task: str, lake: str, name: str, *rest: str) -> dict:
    opened = catalog(lake)
    levels = namespace(opened, name)
    match task, rest:
        case "plain", ():
            return plain(opened, levels)
        case "deletes", ():
            return deletes(lake, name)
        case "one", (table,):
            return small(opened, levels, table, 1, 3)
        case "many", (table, files):
            return small(opened, levels, table, int(files), 10)
        case "evolve", (table, step):
            return evolve(opened, levels, table, step)
        case "ordered", (table,):
            return ordered(opened, levels, table)
        case _:
            raise ValueError(f"unknown task {task} {rest}")
