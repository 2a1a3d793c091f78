// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_online_get('view:feature', key, …)`: a scalar function that waits for its answers.
//!
//! It is declared volatile, though its value does not change within a query: nothing may then move a call to a
//! place where DataFusion evaluates expressions without waiting, such as the filters of a scan. Before a plan
//! becomes physical, [`hoist`] gives each call a column of its own.

mod bind;
mod hoist;

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array, new_empty_array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use async_trait::async_trait;
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

pub(crate) use bind::BindOnlineGet;
pub(crate) use hoist::hoist_online_gets;

use crate::ops::{ONLINE_GET, OnlineGets};
use crate::session::{FeastScope, wait};

/// The function, for one query or, where statements are not told apart, for any.
#[derive(Debug)]
struct OnlineGet {
    scope: FeastScope,
    query: Option<Arc<OnlineGets>>,
    signature: Signature,
}

/// The function for a scope: in a statement, all calls share what they look up.
pub(crate) fn online_get(scope: &FeastScope) -> Arc<ScalarUDF> {
    let query = scope.is_statement().then(|| OnlineGets::new(scope));
    function(scope, query)
}

/// The function for one query.
fn online_get_of_query(scope: &FeastScope) -> Arc<ScalarUDF> {
    function(scope, Some(OnlineGets::new(scope)))
}

fn function(scope: &FeastScope, query: Option<OnlineGets>) -> Arc<ScalarUDF> {
    let function = OnlineGet {
        scope: scope.clone(),
        query: query.map(Arc::new),
        signature: Signature::variadic_any(Volatility::Volatile),
    };
    Arc::new(AsyncScalarUDF::new(Arc::new(function)).into_scalar_udf())
}

impl OnlineGet {
    fn query(&self) -> Arc<OnlineGets> {
        match &self.query {
            Some(query) => Arc::clone(query),
            None => Arc::new(OnlineGets::new(&self.scope)),
        }
    }
}

impl PartialEq for OnlineGet {
    fn eq(&self, other: &Self) -> bool {
        match (&self.query, &other.query) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for OnlineGet {}

impl Hash for OnlineGet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ONLINE_GET.hash(state);
    }
}

/// The text of the first argument.
fn reference(argument: Option<&ScalarValue>) -> Result<&str> {
    const EXPECTED: &str = "a feature in quotes, such as 'view:feature', and after it a key of each join key of the view";
    match argument {
        Some(value) => match value.try_as_str() {
            Some(Some(reference)) => Ok(reference),
            _ => plan_err!("{ONLINE_GET} expects {EXPECTED}; found {value} for the feature"),
        },
        None => plan_err!(
            "{ONLINE_GET} expects {EXPECTED}; the feature is no constant, but has to be known before the query runs"
        ),
    }
}

impl ScalarUDFImpl for OnlineGet {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        ONLINE_GET
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        internal_err!("{ONLINE_GET} has the type of its feature, which types do not tell")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let feature = args.scalar_arguments.first().copied().flatten();
        let (reference, query) = (reference(feature)?, self.query());
        let feature = match query.known(reference) {
            Some(feature) => feature,
            None => wait(query.feature(reference))?,
        };
        let keys = args.arg_fields.get(1..).unwrap_or_default();
        feature.check_keys(keys.iter().map(|key| key.data_type()))?;
        Ok(Arc::new(Field::new(
            ONLINE_GET,
            feature.data_type().clone(),
            true,
        )))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{ONLINE_GET} has to be waited for")
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for OnlineGet {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (rows, data_type) = (args.number_rows, args.return_field.data_type());
        let Some((ColumnarValue::Scalar(feature), keys)) = args.args.split_first() else {
            return reference(None).map(|_| ColumnarValue::Scalar(ScalarValue::Null));
        };
        if rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(data_type)));
        }
        let query = self.query();
        let feature = query.feature(reference(Some(feature))?).await?;
        let constant = keys
            .iter()
            .all(|key| matches!(key, ColumnarValue::Scalar(_)));
        let asked = if constant { 1 } else { rows };
        let keys = keys.iter().map(|key| key.to_array(asked));
        let keys = keys.collect::<Result<Vec<ArrayRef>>>()?;
        let mut values = query.values(&feature, &keys, asked).await?;
        if asked != rows {
            values = take(&values, &UInt32Array::from(vec![0; rows]), None)?;
        }
        Ok(ColumnarValue::Array(cast(&values, data_type)?))
    }
}
