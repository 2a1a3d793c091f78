# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""The lakes of the service tests, opened by PyIceberg and by DuckDB.

A lake is `seaweedfs`, `ministack`, `lakana`, or `sqlite:FILE`: a SQLite catalog at FILE whose
warehouse is in SeaweedFS's plain bucket. `run` names the servers in the environment.
"""

import glob
import importlib
import os

import duckdb
from pyiceberg.catalog import Catalog, load_catalog


def service(name: str) -> str:
    return os.environ["FEAST_SERVICES_" + name]


def s3(server: str) -> dict[str, str]:
    """How PyIceberg reaches the plain bucket of a server."""
    seaweedfs = server == "seaweedfs"
    return {
        "s3.endpoint": service(server.upper() + "_S3"),
        "s3.access-key-id": service("SEAWEEDFS_KEY") if seaweedfs else "test",
        "s3.secret-access-key": service("SEAWEEDFS_SECRET") if seaweedfs else "test",
        "s3.region": "us-east-1",
        "s3.path-style-access": "true",
    }


def catalog(lake: str) -> Catalog:
    if lake == "seaweedfs":
        return load_catalog(
            lake,
            type="rest",
            uri=service("SEAWEEDFS_CATALOG"),
            warehouse=service("SEAWEEDFS_WAREHOUSE"),
            credential=f"{service('SEAWEEDFS_KEY')}:{service('SEAWEEDFS_SECRET')}",
            **s3("seaweedfs"),
            **{"header.X-Iceberg-Access-Delegation": ""},
        )
    if lake == "ministack":
        return load_catalog(
            lake,
            type="rest",
            uri=service("MINISTACK_CATALOG"),
            warehouse=service("MINISTACK_WAREHOUSE"),
        )
    if lake == "lakana":
        return load_catalog(
            lake,
            type="rest",
            uri=service("LAKANA_CATALOG"),
            token=service("LAKANA_TOKEN"),
            prefix="dev",
        )
    kind, file = lake.split(":", 1)
    assert kind == "sqlite", lake
    bucket = service("SEAWEEDFS_BUCKET")
    return load_catalog(
        "lake",
        type="sql",
        uri=f"sqlite:///{file}",
        warehouse=f"s3://{bucket}/{os.path.basename(os.path.dirname(file))}",
        **s3("seaweedfs"),
    )


def duck() -> duckdb.DuckDBPyConnection:
    """DuckDB with the extensions of their wheels, and the keys of the S3 servers."""
    connection = duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("avro", "httpfs", "iceberg"):
        folder = os.path.dirname(importlib.import_module("duckdb_extension_" + name).__file__)
        (file,) = glob.glob(f"{folder}/extensions/*/{name}.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    return connection


def s3_secret(connection: duckdb.DuckDBPyConnection, lake: str) -> None:
    """Lets DuckDB read and write the files of a lake."""
    if lake == "lakana":
        return
    keys = s3("ministack" if lake == "ministack" else "seaweedfs")
    connection.execute(
        f"""CREATE OR REPLACE SECRET files (
            TYPE s3, URL_STYLE 'path', USE_SSL false, REGION 'us-east-1',
            ENDPOINT '{keys["s3.endpoint"].removeprefix("http://")}',
            KEY_ID '{keys["s3.access-key-id"]}', SECRET '{keys["s3.secret-access-key"]}')"""
    )


def attached(lake: str) -> duckdb.DuckDBPyConnection:
    """DuckDB with the catalog attached as `lake`, to write with."""
    connection = duck()
    if lake == "seaweedfs":
        s3_secret(connection, lake)
        connection.execute(
            f"""CREATE SECRET catalog (
                TYPE iceberg, CLIENT_ID '{service("SEAWEEDFS_KEY")}',
                CLIENT_SECRET '{service("SEAWEEDFS_SECRET")}',
                OAUTH2_SERVER_URI '{service("SEAWEEDFS_CATALOG")}/v1/oauth/tokens')"""
        )
        connection.execute(
            f"""ATTACH '{service("SEAWEEDFS_WAREHOUSE")}' AS lake (
                TYPE iceberg, ENDPOINT '{service("SEAWEEDFS_CATALOG")}', SECRET catalog,
                ACCESS_DELEGATION_MODE 'none')"""
        )
    else:
        assert lake == "ministack", f"DuckDB does not write to {lake}"
        connection.execute(
            f"""ATTACH '{service("MINISTACK_WAREHOUSE")}' AS lake (
                TYPE iceberg, ENDPOINT '{service("MINISTACK_CATALOG")}',
                AUTHORIZATION_TYPE 'none')"""
        )
    return connection
