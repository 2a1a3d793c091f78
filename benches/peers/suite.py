# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Run every engine on every named workload; write tables and a plot.

Called by all.sh, which makes the environment.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import compare
import plot
import tables
import workload
from full_compare import DifferentAnswers

# What differs from workload.py's defaults: 10 M rows x 8 features, 100 k keys, 500 k entity rows, in time order.
WORKLOADS = {
    "standard": {},
    "few": {"entities": 5_000},
    "recent": {"entity_days": 7},
    "views": {"views": 5, "rows": 2_000_000},
    "zipf": {"zipf": 1.3},
    "sorted": {"order": "key"},
    "unsorted": {"order": "shuffled"},
    "strings": {"key_type": "varchar"},
    "short": {"features": 2, "entities": 1_000_000},
    "long": {"features": 2, "entities": 1_000_000, "rows": 100_000_000},
}
# Feast loads whole tables, then joins each entity row with all rows of its key within the TTL before it picks the newest.
SKIPPED = {
    "zipf": {"feast-python": "not run: takes more than 14 GB"},
    "long": {"feast-python": "not run: takes more than 14 GB"},
}


def shape(name, arguments):
    """The options of a named workload, made smaller by --scale."""
    parser = argparse.ArgumentParser()
    workload.add_arguments(parser)
    options = parser.parse_args([])
    for key, value in WORKLOADS[name].items():
        setattr(options, key, value)
    for key in ["rows", "entities", "keys"]:
        setattr(options, key, max(1, int(getattr(options, key) * arguments.scale)))
    return options


def measure(name, arguments):
    """Makes the data of one workload if need be and compares the engines on it."""
    directory = arguments.dir / name
    if not (directory / "meta.json").exists():
        print(f"{name}: making the data", file=sys.stderr)
        workload.make(directory, shape(name, arguments))
    result = None
    if not arguments.data_only:
        skipped = {} if arguments.no_skip else SKIPPED.get(name, {})
        result = compare.measure(name, directory, arguments,
                                 {peer: why for peer, why in skipped.items() if peer in arguments.peers})
    if directory.name in arguments.clean:
        shutil.rmtree(directory)
    return result


def save(results, arguments):
    """Writes what there is after each workload: a run that is ended early loses nothing."""
    arguments.results.write_text(json.dumps(results, indent=1) + "\n")
    ordered = [results[name] for name in WORKLOADS if name in results]
    arguments.out.write_text(tables.summary(ordered) + "\n" + "\n".join(map(tables.markdown, ordered)))
    arguments.plot.write_text(plot.svg(ordered))


def workloads(text):
    chosen = text.split(",")
    unknown = set(chosen) - set(WORKLOADS)
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown {', '.join(sorted(unknown))}, expected some of {', '.join(WORKLOADS)}")
    return chosen


def parse_arguments():
    parser = argparse.ArgumentParser(prog="all.sh", description="Compare feast-sql with its peers on every workload.")
    parser.add_argument("--dir", type=Path, help="the workloads, each in a folder; made when they are not there")
    parser.add_argument("--only", type=workloads, default=list(WORKLOADS), help="some workloads: NAME,NAME")
    parser.add_argument("--scale", type=float, default=1, help="make smaller data: 0.02 is a fiftieth")
    parser.add_argument("--data-only", action="store_true", help="make the data and stop")
    parser.add_argument("--clean", type=workloads, nargs="?", const=list(WORKLOADS), default=[],
                        help="remove the data of these workloads (all, without a name) once they are measured")
    parser.add_argument("--no-skip", action="store_true", help="run engines where they are known to take too long")
    parser.add_argument("--out", type=Path, help="the tables (default: peers.md in the folder of the workloads)")
    parser.add_argument("--plot", type=Path, help="the plot (default: peers.svg there)")
    parser.add_argument("--results", type=Path,
                        help="every number as JSON (default: peers.json there); workloads that are in it and not in "
                             "--only stay in tables and plot")
    compare.add_arguments(parser)
    arguments = parser.parse_args()
    arguments.dir = (arguments.dir or arguments.cache / "suite").absolute()
    arguments.dir.mkdir(parents=True, exist_ok=True)
    for name, suffix in [("out", "md"), ("plot", "svg"), ("results", "json")]:
        setattr(arguments, name, getattr(arguments, name) or arguments.dir / f"peers.{suffix}")
    return arguments


def main():
    arguments = parse_arguments()
    if not arguments.data_only:
        compare.prepare(arguments)
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    failures = []
    for name in arguments.only:
        try:
            result = measure(name, arguments)
        except DifferentAnswers as difference:
            results.pop(name, None)
            failures.append(f"{name}: different answers: {difference}")
            print(failures[-1], file=sys.stderr)
            continue
        if result:
            results[name] = result
            save(results, arguments)
            failures += compare.own_failures(result)
            print(tables.markdown(result))
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
