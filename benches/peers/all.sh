#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
#
# Compares feast-sql with other engines on every named workload; writes tables and a plot. See README.md beside this file.
#
#   benches/peers/all.sh [--dir DIR] [--only NAME,NAME] [--runs N] [--feast-sql PATH] [--peers LIST]
#                        [--full-compare] [--limit SECONDS] [--clean NAME,NAME] [--out FILE] [--plot FILE]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
exec "$venv/bin/python" "$here/suite.py" --cache "$cache" "$@"
