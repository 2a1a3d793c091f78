// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Entity keys: their types, their bytes, and the hash that spreads them over a table.

mod bytes;
mod hash;
mod key_type;
mod murmur3;
#[cfg(test)]
mod tests;

pub use bytes::EntityKeyEncoder;
pub use hash::EntityHash;
pub use key_type::KeyType;
pub use murmur3::murmur3_x86_32;
