#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
#
# Online lookups and materialization beside Redis, SQLite and PyIceberg. See README.md beside this file.
#
#   benches/peers/online.sh [--dir DIR] [--keys 100000,1000000] [--rows N] [--feast-sql PATH] [--bench PATH] [--out FILE]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
feast_venv="${FEAST_VENV:-$cache/feast-venv}"
if [ ! -x "$feast_venv/bin/python" ]; then
    python3 -m venv "$feast_venv"
    "$feast_venv/bin/pip" install --quiet --requirement "$here/requirements-feast.txt"
fi
exec "$venv/bin/python" "$here/online_suite.py" --cache "$cache" --feast-python "$feast_venv/bin/python" "$@"
