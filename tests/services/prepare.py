# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""What `run` needs before it can run a command.

    prepare.py ports COUNT [TAKEN…]         free ports of 127.0.0.1, none of those that are taken
    prepare.py url URL GROUP SECONDS        waits until URL answers; fails if the process group ends
    prepare.py warehouse                    makes MiniStack's buckets, prints the warehouse's name
"""

import contextlib
import os
import random
import socket
import sys
import time
import urllib.error
import urllib.request


def ports(count: int, taken: set[int]) -> list[int]:
    """Ports under those that the system gives to clients, with room for the port 10000 above.

    All are held until the last is found, so that no two are the same.
    """
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(range(15000, 22000), 7000):
            if len(found) == count:
                return found
            pair = {port, port + 10000}
            if not pair & taken and all(holds(held, candidate) for candidate in sorted(pair)):
                found.append(port)
    sys.exit(f"expected {count} free ports between 15000 and 22000, found {len(found)}")


def holds(held: contextlib.ExitStack, port: int) -> bool:
    trial = held.enter_context(socket.socket())
    try:
        trial.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def wait_for(url: str, group: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        answered = answers(url)
        # Whoever answers for a server that has ended is another one.
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            sys.exit(f"the server for {url} has ended")
        if answered:
            return
        if time.monotonic() > deadline:
            sys.exit(f"no answer at {url} within {seconds} s")
        time.sleep(0.1)


def warehouse() -> str:
    import boto3

    def client(service: str):
        return boto3.client(
            service,
            endpoint_url=os.environ["FEAST_SERVICES_MINISTACK_S3"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    client("s3").create_bucket(Bucket=os.environ["FEAST_SERVICES_MINISTACK_BUCKET"])
    return client("s3tables").create_table_bucket(name="warehouse")["arn"]


def main() -> None:
    match sys.argv[1:]:
        case ["ports", count, *taken]:
            print(*ports(int(count), {int(port) for port in taken}))
        case ["url", url, group, seconds]:
            wait_for(url, int(group), float(seconds))
        case ["warehouse"]:
            print(warehouse())
        case other:
            sys.exit(f"unknown arguments {other}")


main()
