# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Applies with Feast what feast_export_python wrote, and checks that the registry stays as it is.

    feast-sql --registry DIR/registry.db --project rides -f definitions.sql \
        -c "SELECT file FROM feast_export_python('DIR')"
    python tests/data/check_export.py DIR rides

Feast 0.67.0 makes no change for views over Parquet files, Iceberg tables, SQL tables and queries, features of
every value type, services with aliases and join key maps, tie breaks, comments, owners and tags.
"""

import pathlib
import subprocess
import sys


def main(directory, project):
    config = pathlib.Path(directory) / "feature_store.yaml"
    config.write_text(
        f"project: {project}\nregistry: registry.db\nprovider: local\n"
        "online_store: {type: sqlite, path: online.db}\noffline_store: {type: dask}\n"
        "entity_key_serialization_version: 3\n"
    )
    before = (config.parent / "registry.db").read_bytes()
    feast = str(pathlib.Path(sys.executable).parent / "feast")
    # Feast reads the tables of sources unless it is told not to.
    command = [feast, "apply", "--skip-source-validation"]
    told = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    print(told.stdout, told.stderr)
    assert told.returncode == 0 and "No changes to registry" in told.stdout
    after = (config.parent / "registry.db").read_bytes()
    print("the file is the same" if before == after else "the file was written again")


if __name__ == "__main__":
    main(*sys.argv[1:])
