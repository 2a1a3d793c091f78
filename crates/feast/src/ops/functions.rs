// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The verbs as table functions.
//!
//! DataFusion's plain hook drops arguments that it cannot fold, named ones among them, without a word.
//! So a call has exactly as many arguments as the function has parameters: one that was meant as a
//! dry run must never become the real thing. The relation planner of our own sessions puts named
//! arguments in their places and fills in the defaults before it calls.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use datafusion::catalog::{TableFunction, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Expr;

use super::iceberg_scan::{IcebergScan, iceberg_scan};
use super::lower::registry_list;
use super::pit_join::entries;
use super::{Apply, BoundOperation, List, OpTableProvider, Operation};
use crate::ddl::{self, ObjectKind, alternatives};
use crate::session::{FeastScope, wait};

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
    verb: Verb,
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

#[derive(Debug, Clone, Copy)]
enum Verb {
    Apply,
    CreateCatalog,
    Drop,
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
        "feast_create_catalog",
        Verb::CreateCatalog,
        &[required("name"), required("options"), flag("if_not_exists")],
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

/// The functions of this module.
pub(crate) fn function_signatures() -> &'static [FunctionSignature] {
    SIGNATURES
}

/// The functions of this module, bound to a scope.
pub(crate) fn table_functions(scope: &FeastScope) -> Vec<TableFunction> {
    let function = |signature: &FunctionSignature| {
        let function = OpFunction {
            signature: *signature,
            scope: scope.clone(),
        };
        TableFunction::new(signature.name.to_owned(), Arc::new(function))
    };
    SIGNATURES.iter().map(function).collect()
}

#[derive(Debug)]
struct OpFunction {
    signature: FunctionSignature,
    scope: FeastScope,
}

impl TableFunctionImpl for OpFunction {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let (signature, wanted) = (&self.signature, self.signature.parameters.len());
        if arguments.len() != wanted {
            let s = if wanted == 1 { "" } else { "s" };
            return plan_err!(
                "{} takes exactly {wanted} constant argument{s} by position here, found {}: \
                 {signature}",
                signature.name,
                arguments.len()
            );
        }
        let effect = match self.meaning(arguments)? {
            Meaning::Operation(operation) => Arc::new(BoundOperation {
                operation,
                scope: self.scope.clone(),
                silent: false,
            }),
            Meaning::List(list) => registry_list(&self.scope, list, None),
            Meaning::IcebergScan(scan) => return wait(iceberg_scan(&self.scope, &scan)),
        };
        Ok(Arc::new(OpTableProvider::new(effect)))
    }
}

/// What a call means.
enum Meaning {
    Operation(Operation),
    List(List),
    IcebergScan(IcebergScan),
}

impl OpFunction {
    fn meaning(&self, arguments: &[Expr]) -> Result<Meaning> {
        Ok(Meaning::Operation(match self.signature.verb {
            Verb::List(list) => return Ok(Meaning::List(list)),
            Verb::IcebergScan => {
                return Ok(Meaning::IcebergScan(IcebergScan {
                    location: self.text(arguments, 0)?,
                    snapshot_id: self.value(arguments, 1)?.clone(),
                    reference: self.value(arguments, 2)?.clone(),
                    as_of: self.value(arguments, 3)?.clone(),
                    allow_moved_paths: self.flag(arguments, 4)?,
                    path: self.flag(arguments, 5)?,
                }));
            }
            Verb::Apply => Operation::Apply(Apply {
                definitions: self.text(arguments, 0)?,
                dry_run: self.flag(arguments, 1)?,
            }),
            Verb::CreateCatalog => Operation::CreateCatalog(ddl::CreateCatalog {
                name: self.text(arguments, 0)?,
                options: self.options(arguments, 1)?,
                if_not_exists: self.flag(arguments, 2)?,
            }),
            Verb::Drop => Operation::Drop(ddl::Drop {
                kind: self.kind(arguments, 0)?,
                name: self.text(arguments, 1)?,
                if_exists: self.flag(arguments, 2)?,
            }),
            Verb::Describe => Operation::Describe(ddl::Describe {
                kind: self.kind(arguments, 0)?,
                name: self.text(arguments, 1)?,
            }),
            Verb::ShowCreate => Operation::ShowCreate(ddl::ShowCreate {
                kind: self.kind(arguments, 0)?,
                name: self.text(arguments, 1)?,
            }),
        }))
    }

    fn value<'a>(&self, arguments: &'a [Expr], at: usize) -> Result<&'a ScalarValue> {
        match arguments.get(at) {
            Some(Expr::Literal(value, _)) => Ok(value),
            other => self.refuse(
                at,
                "a constant",
                other.map_or("nothing".into(), Expr::to_string),
            ),
        }
    }

    fn refuse<T>(&self, at: usize, expected: &str, found: impl Display) -> Result<T> {
        let name = self
            .signature
            .parameters
            .get(at)
            .map_or("?", |parameter| parameter.name);
        plan_err!(
            "{}: {name} expects {expected}, found {found}",
            self.signature.name
        )
    }

    fn text(&self, arguments: &[Expr], at: usize) -> Result<String> {
        let value = self.value(arguments, at)?;
        match value.try_as_str() {
            Some(Some(text)) => Ok(text.to_owned()),
            _ => self.refuse(at, "a string", value),
        }
    }

    fn flag(&self, arguments: &[Expr], at: usize) -> Result<bool> {
        match self.value(arguments, at)? {
            ScalarValue::Boolean(Some(flag)) => Ok(*flag),
            other => self.refuse(at, "true or false", other),
        }
    }

    fn kind(&self, arguments: &[Expr], at: usize) -> Result<ObjectKind> {
        let text = self.text(arguments, at)?;
        match ObjectKind::from_text(&text) {
            Some(kind) => Ok(kind),
            None => {
                let kinds = ObjectKind::ALL.map(|kind| format!("'{kind}'"));
                let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
                self.refuse(
                    at,
                    &alternatives(kinds[0], &kinds[1..]),
                    format!("'{text}'"),
                )
            }
        }
    }

    fn options(&self, arguments: &[Expr], at: usize) -> Result<Vec<(String, String)>> {
        let value = self.value(arguments, at)?;
        let mut options = Vec::new();
        for (key, value) in entries(value)? {
            match value.try_as_str() {
                Some(Some(text)) => options.push((key, text.to_owned())),
                Some(None) => return self.refuse(at, &format!("a value for {key}"), "NULL"),
                None => options.push((key, value.to_string())),
            }
        }
        Ok(options)
    }
}
