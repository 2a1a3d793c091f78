// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The column `entity_hash`: which of so many parts a key belongs to.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::{EntityKeyEncoder, murmur3_x86_32};

/// The hash of entity keys modulo a number of parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntityHash {
    encoder: EntityKeyEncoder,
    parts: u32,
    signature: Signature,
}

impl EntityHash {
    /// The hash of keys that `encoder` encodes, from 0 to `parts` - 1; no parts count as one.
    pub fn new(encoder: EntityKeyEncoder, parts: u32) -> Self {
        Self {
            encoder,
            parts: parts.max(1),
            signature: Signature::one_of(
                vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
                Volatility::Immutable,
            ),
        }
    }

    /// Into how many parts keys are hashed.
    pub fn parts(&self) -> u32 {
        self.parts
    }

    /// The hash of each row's key, none where a part of the key is NULL.
    pub fn of(&self, keys: &[ArrayRef], rows: usize) -> Result<Int32Array> {
        let encoded = self.encoder.encode(keys, rows)?;
        let hash = |bytes: Vec<u8>| i32::try_from(murmur3_x86_32(&bytes) % self.parts).ok();
        Ok(encoded
            .into_iter()
            .map(|bytes| bytes.and_then(hash))
            .collect())
    }

    /// The hash as an expression over columns of keys.
    pub(crate) fn expr(self, keys: Vec<Expr>) -> Expr {
        ScalarUDF::new_from_impl(self).call(keys)
    }
}

impl ScalarUDFImpl for EntityHash {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        "feast_entity_hash"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let keys = arguments.args.iter().map(|value| value.to_array(rows));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(Arc::new(self.of(&keys, rows)?)))
    }
}
