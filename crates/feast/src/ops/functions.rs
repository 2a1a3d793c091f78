// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The verbs as table functions.
//!
//! DataFusion's plain hook drops arguments that it cannot fold, named ones among them, without a word.
//! So a call has exactly as many arguments as the function has parameters: one that was meant as a
//! dry run must never become the real thing. The relation planner of our own sessions puts named
//! arguments in their places and fills in the defaults before it calls.

use std::fmt::Display;
use std::sync::Arc;

use arrow::array::Array;
use datafusion::catalog::{TableFunction, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Expr;

use super::iceberg_scan::{IcebergScan, iceberg_scan};
use super::lower::registry_list;
use super::materialize::{self, Materialize, MaterializeWhat};
use super::pit_join::entries;
use super::signatures::{FunctionSignature, Verb, function_signatures};
use super::verify_parity::VerifyParity;
use super::{
    Apply, BoundOperation, Effect, ExportPython, List, OpTableProvider, Operation, Register,
};
use crate::ddl::{self, ObjectKind, alternatives};
use crate::session::{FeastScope, wait};

/// The functions, bound to a scope.
pub(crate) fn table_functions(scope: &FeastScope) -> Vec<TableFunction> {
    let function = |signature: &FunctionSignature| {
        let function = OpFunction {
            signature: *signature,
            scope: scope.clone(),
        };
        TableFunction::new(signature.name.to_owned(), Arc::new(function))
    };
    function_signatures().iter().map(function).collect()
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
        let effect: Arc<dyn Effect> = match self.meaning(arguments)? {
            Meaning::Operation(operation) => Arc::new(BoundOperation {
                operation,
                scope: self.scope.clone(),
                silent: false,
            }),
            Meaning::List(list) => registry_list(&self.scope, list, None),
            Meaning::IcebergScan(scan) => return wait(iceberg_scan(&self.scope, &scan)),
            Meaning::Parity(view, sample) => {
                Arc::new(wait(VerifyParity::try_new(&self.scope, &view, sample))?)
            }
        };
        Ok(Arc::new(OpTableProvider::new(effect)))
    }
}

/// What a call means.
enum Meaning {
    Operation(Operation),
    List(List),
    IcebergScan(IcebergScan),
    Parity(String, Option<usize>),
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
            Verb::Register => Operation::Register(Register {
                name: self.text(arguments, 0)?,
                source_table: self.text(arguments, 1)?,
                entities: self.texts(arguments, 2)?,
                features: self.texts(arguments, 3)?,
                timestamp_field: self.optional_text(arguments, 4)?,
                online: self.flag(arguments, 5)?,
            }),
            Verb::Materialize => Operation::Materialize(self.materialize(arguments)?),
            Verb::VerifyParity => {
                let sample = self.count(arguments, 1)?;
                return Ok(Meaning::Parity(self.text(arguments, 0)?, sample));
            }
            Verb::Validate => Operation::Validate,
            Verb::ValueTypes => Operation::ValueTypes,
            Verb::ExportPython => Operation::ExportPython(ExportPython {
                directory: self.optional_text(arguments, 0)?,
            }),
            Verb::Alter => Operation::Alter(self.alter(arguments)?),
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

    fn materialize(&self, arguments: &[Expr]) -> Result<Materialize> {
        let what = match self.value(arguments, 0)?.try_as_str() {
            Some(Some(name)) => MaterializeWhat::Named(name.to_owned()),
            _ => match self.texts(arguments, 0)? {
                Some(names) if !names.is_empty() => MaterializeWhat::Views(names),
                _ => return self.refuse(0, "views such as ['a', 'b'], or a service", "none"),
            },
        };
        let (start, end) = (self.value(arguments, 1)?, self.value(arguments, 2)?);
        let mode = self.optional_text(arguments, 3)?;
        let mode = materialize::mode(start, end, mode.as_deref())?;
        Ok(Materialize { what, mode })
    }

    /// A number above 0; NULL is none.
    fn count(&self, arguments: &[Expr], at: usize) -> Result<Option<usize>> {
        let value = self.value(arguments, at)?;
        match value.cast_to(&arrow::datatypes::DataType::Int64) {
            _ if value.is_null() => Ok(None),
            Ok(ScalarValue::Int64(Some(number))) if number > 0 => Ok(usize::try_from(number).ok()),
            _ => self.refuse(at, "a whole number above 0", value),
        }
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

    fn optional_text(&self, arguments: &[Expr], at: usize) -> Result<Option<String>> {
        if self.value(arguments, at)?.is_null() {
            return Ok(None);
        }
        self.text(arguments, at).map(Some)
    }

    /// A list of names; NULL is none given.
    fn texts(&self, arguments: &[Expr], at: usize) -> Result<Option<Vec<String>>> {
        const EXPECTED: &str = "a list of names such as ['a', 'b']";
        let value = self.value(arguments, at)?;
        let items = match value {
            value if value.is_null() => return Ok(None),
            ScalarValue::List(list) => list.value(0),
            ScalarValue::LargeList(list) => list.value(0),
            ScalarValue::FixedSizeList(list) => list.value(0),
            other => return self.refuse(at, EXPECTED, other),
        };
        let mut names = Vec::with_capacity(items.len());
        for index in 0..items.len() {
            let item = ScalarValue::try_from_array(&items, index)?;
            match item.try_as_str() {
                Some(Some(name)) => names.push(name.to_owned()),
                _ => return self.refuse(at, EXPECTED, format!("{item} in the list")),
            }
        }
        Ok(Some(names))
    }

    /// The statement that the arguments stand for.
    fn alter(&self, arguments: &[Expr]) -> Result<ddl::Alter> {
        let (kind, name) = (self.kind(arguments, 0)?, self.text(arguments, 1)?);
        let actions = self.text(arguments, 2)?;
        let condition = if self.flag(arguments, 3)? {
            "IF EXISTS "
        } else {
            ""
        };
        let quoted = name.replace('"', "\"\"");
        let text = format!("ALTER {} {condition}\"{quoted}\" {actions}", kind.sql());
        match ddl::parse(&text)? {
            Some(ddl::Statement::Alter(statement)) => Ok(statement),
            _ => self.refuse(2, "actions such as 'SET ONLINE'", actions),
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
