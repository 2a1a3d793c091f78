# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""Spark with Iceberg's own library for the tests: a request a line, an answer a line.

A request is a JSON list `["read", NAMESPACE, TABLE]` for a table of Lakana, with dots between the
levels of the namespace; the answer is `{"made": {"columns": …, "rows": …}}`, as text and sorted, or
`{"failed": TEXT}`. Ends when its input ends.
"""

import datetime
import glob
import json
import os
import sys
import time
import traceback

os.environ["TZ"] = "UTC"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
time.tzset()

import snowpark_connect_deps_iceberg
from pyspark.sql import SparkSession
from pyspark.sql.types import TimestampType

from values import as_text


def session() -> SparkSession:
    folder = os.path.dirname(snowpark_connect_deps_iceberg.__file__)
    (jar,) = glob.glob(f"{folder}/jars/iceberg-spark-runtime-3.5_2.12*.jar")
    catalog = "spark.sql.catalog.lake"
    settings = {
        "spark.driver.extraClassPath": jar,
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        catalog + ".type": "rest",
        catalog + ".uri": os.environ["FEAST_SERVICES_LAKANA_CATALOG"],
        catalog + ".token": os.environ["FEAST_SERVICES_LAKANA_TOKEN"],
        catalog + ".prefix": "dev",
        catalog + ".cache-enabled": "false",
    }
    builder = SparkSession.builder.master("local[1]").appName("feast")
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def read(spark: SparkSession, namespace: str, table: str) -> dict:
    name = ".".join(f"`{level}`" for level in (*namespace.split("."), table))
    frame = spark.sql(f"SELECT * FROM lake.{name}")
    instants = [isinstance(field.dataType, TimestampType) for field in frame.schema]
    rows = [
        [
            value.replace(tzinfo=datetime.timezone.utc) if instant and value else value
            for instant, value in zip(instants, row)
        ]
        for row in frame.collect()
    ]
    return as_text(frame.columns, rows)


def answer(spark: SparkSession, request: list[str]) -> dict:
    try:
        match request:
            case ["read", namespace, table]:
                return {"made": read(spark, namespace, table)}
        return {"failed": f"unknown request {request}"}
    except Exception:
        return {"failed": traceback.format_exc()}


def main() -> None:
    # What libraries print must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    spark = session()
    for line in sys.stdin:
        print(json.dumps(answer(spark, json.loads(line))), file=answers, flush=True)
    spark.stop()


main()
