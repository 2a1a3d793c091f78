#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
#
# Runs every command of README.md on a copy of this repository, and prints each with its output.
#
#   examples/feast_repository/run.sh [FEAST_SQL]           print
#   examples/feast_repository/run.sh [FEAST_SQL] --check   fail where README.md shows something else
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
feast_sql=${1:-feast-sql}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here"/. "$work"
mkdir "$work/warehouse"
cd "$work"
readme="$here/README.md"

# `feast-sql` of README.md.
feast-sql() {
    "$feast_sql" -q "$@" 2>&1
}

# The commands are the lines of README.md that begin with a dollar sign.
run() {
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        eval "${line#\$ }" </dev/null || printf 'exit status %d\n' "$?"
    done < <(grep '^\$ ' "$readme")
}

if [ "${2:-}" = --check ]; then
    # What README.md shows: the text between its fences.
    diff -u <(awk '/^```/ { inside = !inside; next } inside' "$readme") <(run) || {
        echo "README.md shows another output than its commands print" >&2
        exit 1
    }
    echo "$(grep -c '^\$ ' "$readme") commands print what README.md shows"
else
    run
fi
