# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Changes the registry of `rides` by SQL and records what Feast answers over the changed file.

usage: alter.py FEAST_SQL    (the path of feast-sql; Feast and the rest as for make.py)

`rides/` is copied to PLACEHOLDER, where its tables say they are, the shell runs `changes.sql` on it, and Feast
opens the file that the shell wrote: its own command line, and random retrievals over every view that SQL made or
changed. `altered/` then holds the file and the answers.
"""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa

import make
from feast import FeatureStore

REQUESTS = 80
ENTITIES = pa.schema([*make.ENTITIES, ("courier_id", pa.int64()), ("place_id", pa.int32()), ("area_id", pa.int32())])
# Those that changes.sql made or changed.
VIEWS = ["driver_stats", "driver_profile", "customer_profile", "courier_stats", "customer_orders", "fares",
         "place_demand", "sky", "weather", "zone_demand", "badges", "area_surge"]
SERVICES = ["parcels", "both", "trip_model", "driver_model"]


def draw_entities(rng, request, times):
    some = lambda values: make.maybe(rng, rng.choice(values), 0.07)
    more = lambda: {"courier_id": some(range(1000, 1010)), "place_id": some(range(0, 9)), "area_id": some(range(0, 9))}
    return [{**row, **more()} for row in make.draw_entities(rng, request, times)]


def listed(kind):
    """What Feast's command line says of the file; the classes of custom sources are those of make.py."""
    program = f"import sys; sys.path.insert(0, {str(make.HERE)!r}); import make; from feast.cli.cli import cli; cli()"
    told = subprocess.run([sys.executable, "-c", program, kind, "list"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout


def main(shell):
    os.environ["RIDES_ONLINE_PATH"] = "data/online.db"
    shutil.rmtree(make.PLACEHOLDER, ignore_errors=True)
    rides = make.PLACEHOLDER / "rides"
    shutil.copytree(make.HERE / "rides", rides)
    shell = Path(shell).resolve()
    os.chdir(rides)
    subprocess.run([shell, "-q", "--repo", ".", "-f", make.HERE / "changes.sql"], check=True)

    for kind, names in (("feature-views", VIEWS), ("feature-services", SERVICES), ("entities", ["courier", "area"])):
        told = listed(kind)
        missing = [name for name in names if name not in told]
        assert not missing, (kind, missing)
    fs = FeatureStore(".")
    view = lambda name: fs.registry.get_any_feature_view(name, fs.project)
    assert fs.get_entity("courier").join_key == "courier_id"
    assert view("driver_stats").ttl == timedelta(days=1)
    assert [c.online for c in (view("place_demand"), view("fares"))] == [False, True]
    # What an on-demand view holds of a changed view has changed with it; Feast would refuse it otherwise.
    rows = pd.DataFrame({"driver_id": [1002], "extra": [1.0], "event_timestamp": [make.START + timedelta(days=8)]})
    score = fs.get_historical_features(rows, fs.get_feature_service("scored_model"), full_feature_names=True).to_arrow()
    assert "driver_score__score" in score.column_names, score.column_names
    out = make.HERE / "altered"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    services = [fs.get_feature_service(name) for name in SERVICES]
    make.record(fs, [view(name) for name in VIEWS], services, out, REQUESTS, make.SEED + 2, ENTITIES, draw_entities)
    shutil.copy("data/registry.db", out / "registry.db")
    shutil.rmtree(make.PLACEHOLDER)


if __name__ == "__main__":
    main(*sys.argv[1:])
