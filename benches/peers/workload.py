# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Make a workload: feature histories as Iceberg tables in a SQLite catalog, entity rows as Parquet.

usage: workload.py DIR [--rows 10000000] [--features 8] [--entities 500000] …

Rows come in event-time order, file by file, as a periodic append writes them: each file holds a
slice of time and any key. Every value follows from the seed.
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
    parser.add_argument("--entities", type=int, default=500_000)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--ttl-days", type=float, default=7)
    parser.add_argument("--seed", type=int, default=7)


def times(values):
    return pyarrow.array(values).cast(TIMESTAMP)


def write_view(catalog, number, options, random):
    names = [f"v{number}_f{i}" for i in range(options.features)]
    schema = pyarrow.schema([("driver_id", pyarrow.int64()), ("event_timestamp", TIMESTAMP), ("created", TIMESTAMP)]
                            + [(name, pyarrow.float64()) for name in names])
    table = catalog.create_table(f"features.view{number}", schema=schema)
    rows = options.rows // options.files
    span = options.days * DAY // options.files
    for file in range(options.files):
        first = START + file * span
        event = numpy.sort(random.integers(first, first + span, rows))
        key = random.integers(0, options.keys, rows)
        features = [pyarrow.array(numpy.round(random.normal(size=rows), 4)) for _ in names]
        table.append(pyarrow.table([pyarrow.array(key), times(event), times(event + 1_000_000), *features],
                                   schema=schema))


def make(directory, options):
    directory = Path(directory).absolute()
    if any(directory.glob("*")):
        raise SystemExit(f"{directory}: expected an empty or new folder for the workload")
    (directory / "warehouse").mkdir(parents=True)
    random = numpy.random.default_rng(options.seed)
    catalog = SqlCatalog("peers", uri=f"sqlite:///{directory}/catalog.db", warehouse=f"file://{directory}/warehouse")
    catalog.create_namespace("features")
    for number in range(options.views):
        write_view(catalog, number, options, random)
    count = options.entities
    pyarrow.parquet.write_table(pyarrow.table({
        "row_id": numpy.arange(count),
        "driver_id": random.integers(0, options.keys, count),
        "event_timestamp": times(random.integers(START, START + options.days * DAY, count)),
        "label": random.integers(0, 2, count),
    }), directory / "entities.parquet")
    # Last, so that an interrupted run does not look finished.
    (directory / "meta.json").write_text(json.dumps({"ttl_days": options.ttl_days, "seed": options.seed}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    add_arguments(parser)
    arguments = parser.parse_args()
    make(arguments.directory, arguments)
