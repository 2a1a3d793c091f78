# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
#
# Sourced by run.sh and all.sh: makes the Python environment once, finds GNU time.
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
