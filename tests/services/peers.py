# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""PyIceberg and DuckDB for the tests: a request a line, an answer a line.

A request is a JSON list, `["tables", …]` or `["read", …]`, see there; the answer is
`{"made": …}` or `{"failed": TEXT}`. Ends when its input ends. One process serves many requests, as
its libraries take longer to load than most of them.

By hand, with the servers up: `peers.py tables one seaweedfs my_namespace my_table`.
"""

import json
import sys
import traceback

import read
import tables


def answer(request: list[str]) -> dict:
    kind, *arguments = request
    try:
        match kind:
            case "tables":
                return {"made": tables.answer(*arguments)}
            case "read":
                return {"made": read.answer(*arguments)}
        return {"failed": f"unknown request {request}"}
    except Exception:
        return {"failed": traceback.format_exc()}


def main() -> None:
    if sys.argv[1:]:
        json.dump(answer(sys.argv[1:]), sys.stdout, indent=1)
        return
    # What libraries print must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


main()
