# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Make a workload: feature histories as Iceberg tables in a SQLite catalog, entity rows as Parquet.

usage: workload.py DIR [--rows 10000000] [--features 8] [--entities 500000] …

Every value follows from the seed. No two rows of a view have the same event time, so that every
engine must choose the same row. One file is held in memory at a time.
"""

import argparse
import json
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
from pyiceberg.catalog.sql import SqlCatalog

TIMESTAMP = pyarrow.timestamp("us", tz="UTC")
START = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
DAY = 86_400_000_000


def add_arguments(parser):
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--rows", type=int, default=10_000_000, help="history rows of a view")
    parser.add_argument("--features", type=int, default=8, help="double columns of a view")
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--key-type", choices=["bigint", "varchar"], default="bigint")
    parser.add_argument("--zipf", type=float, default=0, help="exponent of the keys' distribution, 0 is uniform")
    parser.add_argument("--entities", type=int, default=500_000)
    parser.add_argument("--entity-days", type=float, help="entity rows are of the last days only")
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--order", choices=["time", "key", "shuffled"], default="time",
                        help="time: a file is a slice of time; key: a range of keys, sorted by key and time; "
                             "shuffled: anything anywhere")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--ttl-days", type=float, default=7)
    parser.add_argument("--seed", type=int, default=7)


def times(values):
    return pyarrow.array(values).cast(TIMESTAMP)


def distinct(random, count, span):
    """Distinct numbers below span, ascending."""
    return numpy.sort(random.integers(0, span - count, count)) + numpy.arange(count)


class Keys:
    """Draws keys and gives them their type."""

    def __init__(self, options):
        self.options = options
        self.names = None
        if options.key_type == "varchar":
            self.names = pyarrow.array([f"driver-{number:09}" for number in range(options.keys)])

    def draw(self, random, count):
        if self.options.zipf:
            return random.zipf(self.options.zipf, count) % self.options.keys
        return random.integers(0, self.options.keys, count)

    def column(self, numbers):
        numbers = pyarrow.array(numbers, type=pyarrow.int64())
        return self.names.take(numbers) if self.names else numbers


def draw_file(file, rows, options, keys, random):
    """Keys and event times of the rows of one file, in the order in which they are written."""
    span = options.days * DAY
    if options.order == "key":
        low, high = (options.keys * end // options.files for end in (file, file + 1))
        event = distinct(random, rows, span // options.files) * options.files + file
        key = random.integers(low, high, rows)
        order = numpy.argsort(key, kind="stable")
        return key[order], START + event[order]
    if options.order == "shuffled":
        event = distinct(random, rows, span // options.files) * options.files + file
        return keys.draw(random, rows), START + random.permutation(event)
    first = START + span * file // options.files
    return keys.draw(random, rows), first + distinct(random, rows, span // options.files)


def write_view(catalog, number, options, keys, random):
    names = [f"v{number}_f{i}" for i in range(options.features)]
    key_type = pyarrow.string() if keys.names else pyarrow.int64()
    schema = pyarrow.schema([("driver_id", key_type), ("event_timestamp", TIMESTAMP), ("created", TIMESTAMP)]
                            + [(name, pyarrow.float64()) for name in names])
    table = catalog.create_table(f"features.view{number}", schema=schema)
    rows = options.rows // options.files
    for file in range(options.files):
        key, event = draw_file(file, rows, options, keys, random)
        features = [pyarrow.array(numpy.round(random.normal(size=rows), 4)) for _ in names]
        table.append(pyarrow.table([keys.column(key), times(event), times(event + 1_000_000), *features],
                                   schema=schema))


def write_entities(path, options, keys, random):
    count = options.entities
    end = START + options.days * DAY
    first = end - int((options.entity_days or options.days) * DAY)
    pyarrow.parquet.write_table(pyarrow.table({
        "row_id": numpy.arange(count),
        "driver_id": keys.column(keys.draw(random, count)),
        "event_timestamp": times(random.integers(first, end, count)),
        "label": random.integers(0, 2, count),
    }), path)


def make(directory, options):
    directory = Path(directory).absolute()
    if options.order == "key" and options.zipf:
        raise SystemExit("--order key gives each file as many keys as any other: not with --zipf")
    if any(directory.glob("*")):
        raise SystemExit(f"{directory}: expected an empty or new folder for the workload")
    (directory / "warehouse").mkdir(parents=True)
    random = numpy.random.default_rng(options.seed)
    keys = Keys(options)
    catalog = SqlCatalog("peers", uri=f"sqlite:///{directory}/catalog.db", warehouse=f"file://{directory}/warehouse")
    catalog.create_namespace("features")
    for number in range(options.views):
        write_view(catalog, number, options, keys, random)
    write_entities(directory / "entities.parquet", options, keys, random)
    # Last, so that an interrupted run does not look finished.
    shape = argparse.ArgumentParser()
    add_arguments(shape)
    meta = {name: getattr(options, name) for name in vars(shape.parse_args([]))}
    (directory / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    add_arguments(parser)
    arguments = parser.parse_args()
    make(arguments.directory, arguments)
