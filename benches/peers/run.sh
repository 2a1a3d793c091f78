#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
#
# Compares feast-sql with DuckDB's Iceberg extension and with the bare scan of the same columns, on
# one workload, in one run. See README.md beside this file.
#
#   benches/peers/run.sh [--dir DIR] [--runs N] [--feast-sql PATH] [--peers LIST] [--out FILE]
#                        [--rows N --features N --entities N … when DIR is made]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/datafusion-feast/peers"
venv="${PEERS_VENV:-$cache/venv}"

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
fi

if [ ! -x /usr/bin/time ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        apt-get install -qq -y time
    else
        echo "GNU time is missing: install the package 'time' (Debian: apt-get install time)" >&2
        exit 1
    fi
fi

export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$here/compare.py" --default-dir "$cache/default" "$@"
