# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""What the scripts of the Python peers share: they read a job, join, and print one JSON line.

usage: NAME_peer.py JOB.json [OUTPUT.parquet]

The job is written by engines.py. Without an output file the answer is a checksum (rows, matches,
sum of all features); with one, the joined rows are written there.
"""

import json
import sys
import time


def run(version, checksum, write):
    """Times checksum(job) -> (rows, matched, total), or write(job, output)."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    start = time.perf_counter()
    answer = {"version": version}
    if len(sys.argv) > 2:
        write(job, sys.argv[2])
    else:
        rows, matched, total = checksum(job)
        answer |= {"n": int(rows), "matched": int(matched), "total": float(total)}
    answer["query_seconds"] = round(time.perf_counter() - start, 3)
    print(json.dumps([answer]))
