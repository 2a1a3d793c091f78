# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""Reads a table that the tests wrote, as others see it: the request of `peers.py` is

    read LAKE NAMESPACE TABLE

and the answer has

- `pyiceberg`, `duckdb`: columns and rows, as text and sorted;
- `partitioning`: the partition fields, `name: transform(column)`; `sorting` likewise;
- `partitions`: the partition of each data file as text, sorted, without doubles;
- `files`: how many data files; `ordered_files`: how many say that they are sorted;
- `codecs`: the compression codecs in them;
- `snapshots`: the operations of the snapshots, in order;
- `wrong`: what is wrong with the data files: rows outside their file's partition or not in the
  table's order, counts, sizes and bounds in the manifest that the file does not have.
"""

import pyarrow.parquet as pq
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFileContent
from pyiceberg.table.sorting import NullOrder, SortDirection
from pyiceberg.transforms import VoidTransform

from lake import catalog, duck, s3_secret
from values import as_text, text


def pyiceberg_rows(table) -> dict:
    read = table.scan().to_arrow()
    return as_text(read.column_names, [row.values() for row in read.to_pylist()])


def duckdb_rows(lake: str, table) -> dict:
    connection = duck()
    s3_secret(connection, lake)
    found = connection.execute("SELECT * FROM iceberg_scan(?)", [table.metadata_location])
    return as_text([column[0] for column in found.description], found.fetchall())


def entries(table):
    """The live data files with their manifest entries."""
    snapshot = table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot else []:
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            if entry.data_file.content == DataFileContent.DATA:
                yield manifest, entry


def column(file: pq.ParquetFile, rows, field_id: int) -> list:
    for index, field in enumerate(file.schema_arrow):
        if (field.metadata or {}).get(b"PARQUET:field_id") == str(field_id).encode():
            return rows.column(index).to_pylist()
    return [None] * rows.num_rows


def internal(field, value):
    """A value of Python's as Iceberg's transforms take it."""
    from pyiceberg.expressions.literals import literal

    return value if value is None else literal(value).to(field.field_type).value


def check(table, manifest, entry) -> tuple[list[str], set[str], str]:
    data = entry.data_file
    schema, spec = table.schema(), table.specs()[manifest.partition_spec_id]
    opened = table.io.new_input(data.file_path)
    wrong = []
    if len(opened) != data.file_size_in_bytes:
        wrong.append(f"size {data.file_size_in_bytes} for {len(opened)}")
    with opened.open() as stream:
        file = pq.ParquetFile(stream)
        rows = file.read()
        codecs = {
            file.metadata.row_group(group).column(leaf).compression
            for group in range(file.metadata.num_row_groups)
            for leaf in range(file.metadata.num_columns)
        }
        if rows.num_rows != data.record_count:
            wrong.append(f"count {data.record_count} for {rows.num_rows}")
        names = []
        for position, partition in enumerate(spec.fields):
            field = schema.find_field(partition.source_id)
            transform = partition.transform.transform(field.field_type)
            expected = data.partition[position]
            names.append(f"{partition.name}={text(expected)}")
            if isinstance(partition.transform, VoidTransform):
                continue
            for value in column(file, rows, partition.source_id):
                if transform(internal(field, value)) != expected:
                    wrong.append(f"{partition.name} of {value!r} is not {expected!r}")
        wrong += unsorted(table, file, rows, data)
        wrong += outside(schema, file, rows, data)
    return wrong, codecs, "/".join(names)


def outside(schema, file, rows, data) -> list[str]:
    """Values that the bounds and null counts of the manifest deny."""
    wrong = []
    for field in schema.fields:
        if not field.field_type.is_primitive:
            continue
        values = [internal(field, value) for value in column(file, rows, field.field_id)]
        nulls = (data.null_value_counts or {}).get(field.field_id)
        if nulls is not None and nulls != values.count(None):
            wrong.append(f"{field.name}: {nulls} nulls for {values.count(None)}")
        there = [value for value in values if value is not None]
        for bounds, holds in (
            (data.lower_bounds, lambda bound, value: bound <= value),
            (data.upper_bounds, lambda bound, value: bound >= value),
        ):
            raw = (bounds or {}).get(field.field_id)
            if raw is not None:
                bound = from_bytes(field.field_type, raw)
                wrong += [
                    f"{field.name}: {value!r} outside its bound {bound!r}"
                    for value in there
                    if not holds(bound, value)
                ]
    return wrong


def unsorted(table, file, rows, data) -> list[str]:
    """What of the table's sort order a file says that it has, and has not."""
    if not data.sort_order_id:
        return []
    order = table.sort_orders()[data.sort_order_id]
    keys = [
        (field, column(file, rows, field.source_id))
        for field in order.fields
    ]
    for index in range(1, rows.num_rows):
        for field, values in keys:
            before, after = values[index - 1], values[index]
            if before == after:
                continue
            if before is None or after is None:
                first = field.null_order == NullOrder.NULLS_FIRST
                right = (before is None) == first
            else:
                right = (before < after) == (field.direction == SortDirection.ASC)
            if not right:
                return [f"row {index} of {data.file_path} is out of order"]
            break
    return []


def shown(table, fields) -> list[str]:
    return [
        f"{getattr(field, 'name', 'by')}: {field.transform}"
        f"({table.schema().find_column_name(field.source_id)})"
        for field in fields
    ]


def answer(lake: str, namespace: str, name: str) -> dict:
    table = catalog(lake).load_table((*namespace.split("."), name))
    wrong, codecs, partitions, files, ordered = [], set(), set(), 0, 0
    for manifest, entry in entries(table):
        found, used, partition = check(table, manifest, entry)
        wrong += found
        codecs |= used
        partitions.add(partition)
        files += 1
        ordered += bool(entry.data_file.sort_order_id)
    return {
        "pyiceberg": pyiceberg_rows(table),
        "duckdb": duckdb_rows(lake, table),
        "partitioning": shown(table, table.spec().fields),
        "sorting": shown(table, table.sort_order().fields),
        "partitions": sorted(partitions),
        "files": files,
        "ordered_files": ordered,
        "codecs": sorted(codecs),
        "snapshots": [snapshot.summary.operation.value for snapshot in table.snapshots()],
        "wrong": wrong,
    }
