# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Compare whole answers, row by row and bit for bit."""

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet


class DifferentAnswers(Exception):
    """Two engines answered differently: no number of such a run is worth anything."""


def load(path, schema=None):
    """The rows of an answer in the order of row_id, with the columns and types of `schema`."""
    rows = pyarrow.parquet.read_table(path)
    if schema is not None:
        missing = set(schema.names) - set(rows.column_names)
        if missing:
            raise DifferentAnswers(f"{path}: expected the columns {', '.join(schema.names)}, {', '.join(missing)} missing")
        rows = rows.select(schema.names)
    # Engines differ in the physical type of strings and in the name of UTC, not in values.
    types = {"driver_id": pyarrow.string()} if not pyarrow.types.is_integer(rows.schema.field("driver_id").type) else {}
    types["event_timestamp"] = pyarrow.timestamp("us", tz="UTC")
    fields = [pyarrow.field(field.name, types.get(field.name, field.type)) for field in schema or rows.schema]
    return rows.cast(pyarrow.schema(fields)).combine_chunks().sort_by("row_id")


def bits(column):
    """Validity and values of a column, doubles as their bits, so that -0.0 is not 0.0 and a NaN is itself."""
    column = column.combine_chunks() if isinstance(column, pyarrow.ChunkedArray) else column
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if pyarrow.types.is_string(column.type):
        return valid, column.to_numpy(zero_copy_only=False)
    if pyarrow.types.is_timestamp(column.type):
        column = column.cast(pyarrow.int64())
    return valid, pyarrow.compute.fill_null(column, 0).to_numpy().view(numpy.int64)


def difference(name, first, other):
    """What differs between two columns, or None."""
    (first_valid, first_values), (other_valid, other_values) = bits(first), bits(other)
    same = (first_valid == other_valid) & (~first_valid | (first_values == other_values))
    if same.all():
        return None
    row = int(numpy.argmin(same))
    return f"{name}: {int((~same).sum())} rows differ, the first has row_id {row}: {first[row]} and {other[row]}"


def compare(answers):
    """Compares the Parquet files of {engine: path} with the first one's; the number of rows."""
    (first_name, first_path), *others = answers.items()
    first = load(first_path)
    if first["row_id"].to_pylist() != list(range(len(first))):
        raise DifferentAnswers(f"{first_name}: expected every row_id once")
    for name, path in others:
        other = load(path, first.schema)
        if len(first) != len(other):
            raise DifferentAnswers(f"{first_name} {len(first)} rows, {name} {len(other)}")
        for column in first.column_names:
            found = difference(column, first[column], other[column])
            if found:
                raise DifferentAnswers(f"{first_name} and {name}: {found}")
    return len(first)
