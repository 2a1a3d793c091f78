// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The names and parameters of the table functions.

use std::fmt::{self, Display, Formatter};

use datafusion::common::ScalarValue;

use super::List;

/// A parameter of a table function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    /// The name, for `name => value`.
    pub(crate) name: &'static str,
    left_out: LeftOut,
}

/// What it means to leave an argument out.
#[derive(Debug, Clone, Copy)]
enum LeftOut {
    Refused,
    False,
    Null,
}

impl Parameter {
    /// What it is when it is left out; `None` when it must be given.
    pub(crate) fn default(&self) -> Option<ScalarValue> {
        match self.left_out {
            LeftOut::Refused => None,
            LeftOut::False => Some(ScalarValue::Boolean(Some(false))),
            LeftOut::Null => Some(ScalarValue::Null),
        }
    }
}

const fn required(name: &'static str) -> Parameter {
    Parameter {
        name,
        left_out: LeftOut::Refused,
    }
}

const fn flag(name: &'static str) -> Parameter {
    Parameter {
        name,
        left_out: LeftOut::False,
    }
}

const fn optional(name: &'static str) -> Parameter {
    Parameter {
        name,
        left_out: LeftOut::Null,
    }
}

/// A table function's name and parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FunctionSignature {
    /// The name.
    pub(crate) name: &'static str,
    /// The parameters, in order.
    pub(crate) parameters: &'static [Parameter],
    pub(super) verb: Verb,
}

impl Display for FunctionSignature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let parameters = self
            .parameters
            .iter()
            .map(|parameter| match parameter.left_out {
                LeftOut::Refused => parameter.name.to_owned(),
                LeftOut::False => format!("{} => false", parameter.name),
                LeftOut::Null => format!("{} => NULL", parameter.name),
            });
        write!(
            f,
            "{}({})",
            self.name,
            parameters.collect::<Vec<_>>().join(", ")
        )
    }
}

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Apply,
    Register,
    CreateCatalog,
    Alter,
    Drop,
    Validate,
    ValueTypes,
    ExportPython,
    Materialize,
    VerifyParity,
    Describe,
    ShowCreate,
    List(List),
    IcebergScan,
}

const fn signature(
    name: &'static str,
    verb: Verb,
    parameters: &'static [Parameter],
) -> FunctionSignature {
    FunctionSignature {
        name,
        parameters,
        verb,
    }
}

const SIGNATURES: &[FunctionSignature] = &[
    signature(
        "feast_apply",
        Verb::Apply,
        &[required("definitions"), flag("dry_run")],
    ),
    signature(
        "feast_register",
        Verb::Register,
        &[
            required("name"),
            required("source_table"),
            optional("entities"),
            optional("features"),
            optional("timestamp_field"),
            flag("online"),
        ],
    ),
    signature("feast_validate", Verb::Validate, &[]),
    signature("feast_value_types", Verb::ValueTypes, &[]),
    signature(
        "feast_export_python",
        Verb::ExportPython,
        &[optional("directory")],
    ),
    signature(
        "feast_materialize",
        Verb::Materialize,
        &[
            required("views"),
            optional("start"),
            optional("end"),
            optional("mode"),
        ],
    ),
    signature(
        "feast_verify_parity",
        Verb::VerifyParity,
        &[required("view"), optional("sample")],
    ),
    signature(
        "feast_create_catalog",
        Verb::CreateCatalog,
        &[required("name"), required("options"), flag("if_not_exists")],
    ),
    signature(
        "feast_alter",
        Verb::Alter,
        &[
            required("kind"),
            required("name"),
            required("actions"),
            flag("if_exists"),
        ],
    ),
    signature(
        "feast_drop",
        Verb::Drop,
        &[required("kind"), required("name"), flag("if_exists")],
    ),
    signature(
        "feast_describe",
        Verb::Describe,
        &[required("kind"), required("name")],
    ),
    signature(
        "feast_show_create",
        Verb::ShowCreate,
        &[required("kind"), required("name")],
    ),
    signature("feast_entities", Verb::List(List::Entities), &[]),
    signature("feast_feature_views", Verb::List(List::FeatureViews), &[]),
    signature("feast_features", Verb::List(List::Features), &[]),
    signature(
        "feast_feature_services",
        Verb::List(List::FeatureServices),
        &[],
    ),
    signature("feast_data_sources", Verb::List(List::DataSources), &[]),
    signature(
        "iceberg_scan",
        Verb::IcebergScan,
        &[
            required("location"),
            optional("snapshot_id"),
            optional("ref"),
            optional("as_of"),
            flag("allow_moved_paths"),
            flag("path"),
        ],
    ),
];

/// The functions.
pub(crate) fn function_signatures() -> &'static [FunctionSignature] {
    SIGNATURES
}
