#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
#
# Compares feast-sql with other engines and with the bare scan of the same columns, on one workload, in one run.
# See README.md beside this file.
#
#   benches/peers/run.sh [--dir DIR] [--runs N] [--feast-sql PATH] [--peers LIST] [--out FILE]
#                        [--rows N --features N --entities N … when DIR is made]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
exec "$venv/bin/python" "$here/compare.py" --cache "$cache" "$@"
