# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Lets Feast load feature views over SQL tables and queries.

Feast can list, apply and keep such views with this module on its path; their rows are read by
datafusion-feast alone.
"""

import json

from feast.data_source import DataSource
from feast.protos.feast.core.DataSource_pb2 import DataSource as DataSourceProto
from feast.type_map import pa_to_feast_value_type


class _SqlSource(DataSource):
    """A source that is one text of SQL, kept under `_key` of its configuration."""

    _key = ""

    def __init__(self, text, **kwargs):
        super().__init__(**kwargs)
        self.text = text

    def source_type(self):
        return DataSourceProto.CUSTOM_SOURCE

    @classmethod
    def from_proto(cls, data_source):
        configuration = json.loads(data_source.custom_options.configuration)
        return cls(
            configuration[cls._key],
            name=data_source.name,
            timestamp_field=data_source.timestamp_field,
            created_timestamp_column=data_source.created_timestamp_column,
            field_mapping=dict(data_source.field_mapping),
            description=data_source.description,
            tags=dict(data_source.tags),
            owner=data_source.owner,
        )

    def _to_proto_impl(self):
        configuration = json.dumps({self._key: self.text})
        return DataSourceProto(
            name=self.name,
            type=DataSourceProto.CUSTOM_SOURCE,
            data_source_class_type=f"datafusion_feast.{type(self).__name__}",
            custom_options=DataSourceProto.CustomSourceOptions(
                configuration=configuration.encode()
            ),
            timestamp_field=self.timestamp_field,
            created_timestamp_column=self.created_timestamp_column,
            field_mapping=self.field_mapping,
            description=self.description,
            tags=self.tags,
            owner=self.owner,
        )

    def __eq__(self, other):
        return super().__eq__(other) and self.text == other.text

    def __hash__(self):
        return super().__hash__()

    def validate(self, config):
        pass

    @staticmethod
    def source_datatype_to_feast_value_type():
        return pa_to_feast_value_type

    def get_table_column_names_and_types(self, config):
        return []


class TableSource(_SqlSource):
    """A table by its SQL name."""

    _key = "table"

    def get_table_query_string(self):
        return self.text


class QuerySource(_SqlSource):
    """The rows of a query."""

    _key = "query"

    def get_table_query_string(self):
        return f"({self.text})"
