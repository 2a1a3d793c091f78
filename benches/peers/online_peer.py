# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""One online store: materialize view0 of a workload, look keys up one at a time and a hundred at a time.

usage: online_peer.py feast-redis|feast-sqlite|redis|pyiceberg WORKLOAD SCRATCH [--port N] [--runs N]

`redis` reads what `feast-redis` has put there. Prints one JSON line: {"lookups": [{"batch", "p50", "p95", "p99"}, …], and
where the store was filled "seconds" and "bytes"}.
"""

import argparse
import json
import time
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy

warnings.filterwarnings("ignore")
BATCHES = (1, 100)


def measure(look_up, draw, runs, batches=BATCHES):
    """look_up(keys) timed over drawn keys, a tenth more often than counted."""
    lookups = []
    for batch in batches:
        times = []
        for _ in range(runs + runs // 10):
            keys = draw(batch)
            start = time.perf_counter()
            look_up(keys)
            times.append((time.perf_counter() - start) * 1e3)
        p50, p95, p99 = numpy.percentile(times[runs // 10:], [50, 95, 99])
        lookups.append({"batch": batch, "p50": p50, "p95": p95, "p99": p99})
    return lookups


class Feast:
    """A Feast repository over the workload's table."""

    def __init__(self, directory, meta, scratch, online_store):
        from feast import Entity, FeatureStore, FeatureView, Field, ValueType
        from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
        from feast.repo_config import RepoConfig
        from feast.types import Float64
        self.features = [f"v0_f{number}" for number in range(meta["features"])]
        self.store = FeatureStore(config=RepoConfig(
            project="bench", registry=f"{scratch}/registry.db", provider="local", offline_store={"type": "duckdb"},
            online_store=online_store, entity_key_serialization_version=3))
        source = IcebergSource(
            name="source", warehouse=f"file://{directory}/warehouse", namespace="features", table="view0",
            catalog_type="sql", catalog_name="peers", endpoint=f"sqlite:///{directory}/catalog.db",
            timestamp_field="event_timestamp", created_timestamp_column="created")
        driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
        schema = [Field(name=feature, dtype=Float64) for feature in self.features]
        self.store.apply([driver, FeatureView(name="view0", entities=[driver], ttl=timedelta(0), schema=schema,
                                              source=source)])

    def materialize(self):
        start = time.perf_counter()
        self.store.materialize(datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2027, 1, 1, tzinfo=timezone.utc))
        return time.perf_counter() - start

    def look_up(self, keys):
        rows = [{"driver_id": int(key)} for key in keys]
        return self.store.get_online_features([f"view0:{f}" for f in self.features], rows).to_dict()


def feast_redis(arguments, meta, draw):
    import redis
    client = redis.Redis(port=arguments.port)
    before = client.info("memory")["used_memory"]
    feast = Feast(arguments.directory, meta, arguments.scratch,
                  {"type": "redis", "connection_string": f"127.0.0.1:{arguments.port}"})
    seconds = feast.materialize()
    size = client.info("memory")["used_memory"] - before
    return {"seconds": seconds, "bytes": size, "lookups": measure(feast.look_up, draw, arguments.runs)}


def feast_sqlite(arguments, meta, draw):
    path = arguments.scratch / "online.db"
    feast = Feast(arguments.directory, meta, arguments.scratch, {"type": "sqlite", "path": str(path)})
    seconds = feast.materialize()
    return {"seconds": seconds, "bytes": path.stat().st_size, "lookups": measure(feast.look_up, draw, arguments.runs)}


def redis_alone(arguments, meta, draw):
    import redis
    client = redis.Redis(port=arguments.port)
    keys = [key for key, _ in zip(client.scan_iter(count=1000), range(20_000))]
    fields = list(client.hgetall(keys[0]))

    def look_up(numbers):
        pipeline = client.pipeline(transaction=False)
        for number in numbers:
            pipeline.hmget(keys[number % len(keys)], fields)
        return pipeline.execute()

    return {"lookups": measure(look_up, draw, arguments.runs)}


def pyiceberg_scan(arguments, meta, draw):
    """The newest row of each key in 256 parts by key, one file a part; each key is a scan."""
    import pyarrow
    import pyarrow.compute
    from pyiceberg.catalog.sql import SqlCatalog
    directory, scratch = arguments.directory, arguments.scratch
    start = time.perf_counter()
    source = SqlCatalog("peers", uri=f"sqlite:///{directory}/catalog.db", warehouse=f"file://{directory}/warehouse")
    rows = source.load_table("features.view0").scan().to_arrow().sort_by([("event_timestamp", "descending")])
    others = [(column, "first") for column in rows.column_names if column != "driver_id"]
    newest = rows.group_by(["driver_id"], use_threads=False).aggregate(others)
    newest = newest.rename_columns([column.removesuffix("_first") for column in newest.column_names])
    part = pyarrow.array(numpy.asarray(newest["driver_id"]) % 256, pyarrow.int32())
    newest = newest.append_column("part", part)
    catalog = SqlCatalog("online", uri=f"sqlite:///{scratch}/catalog.db", warehouse=f"file://{scratch}/warehouse")
    catalog.create_namespace("online")
    table = catalog.create_table("online.view0", schema=newest.schema)
    with table.update_spec() as spec:
        spec.add_identity("part")
    table.append(newest)
    seconds = time.perf_counter() - start
    size = sum(file.stat().st_size for file in (scratch / "warehouse").rglob("*.parquet"))

    def look_up(keys):
        for key in keys:
            scan = catalog.load_table("online.view0").scan(row_filter=f"part = {key % 256} and driver_id = {key}")
            scan.to_arrow()

    return {"seconds": seconds, "bytes": size, "lookups": measure(look_up, draw, min(arguments.runs, 60), batches=(1,))}


def main():
    stores = {"feast-redis": feast_redis, "feast-sqlite": feast_sqlite, "redis": redis_alone, "pyiceberg": pyiceberg_scan}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=stores)
    parser.add_argument("directory", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--runs", type=int, default=300)
    arguments = parser.parse_args()
    meta = json.loads((arguments.directory / "meta.json").read_text())
    random = numpy.random.default_rng(1)
    print(json.dumps(stores[arguments.store](arguments, meta, lambda count: random.integers(0, meta["keys"], count).tolist())))


if __name__ == "__main__":
    main()
