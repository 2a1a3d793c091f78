# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""Values as text, so that engines can be compared."""

import datetime
import decimal
import uuid


def text(value) -> str:
    """A value as Arrow's display writes it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case str():
            return value
        case bytes() | bytearray():
            return bytes(value).hex()
        case uuid.UUID():
            return value.bytes.hex()
        case decimal.Decimal():
            return f"{value:f}"
        case datetime.datetime():
            zone = ""
            if value.tzinfo is not None:
                value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
                zone = "Z"
            return value.isoformat() + zone
        case datetime.date() | datetime.time():
            return value.isoformat()
        case list():
            return "[" + ", ".join(text(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {text(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def as_text(columns: list[str], rows) -> dict:
    """Rows as text, sorted: what the tests compare."""
    return {"columns": columns, "rows": sorted([text(value) for value in row] for row in rows)}
