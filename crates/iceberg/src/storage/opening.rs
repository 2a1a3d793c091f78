// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a store is opened with.

use super::aws_buckets::AwsChains;
use super::http::SharedHttp;
use super::properties::Properties;
use super::vended_keys::VendedFor;

/// What a store is opened with.
pub(super) struct Opening<'a> {
    pub(super) properties: &'a Properties,
    /// The catalog's credentials; those of the properties do not count beside them.
    pub(super) vended: Option<VendedFor>,
    pub(super) http: &'a SharedHttp,
    pub(super) chains: &'a AwsChains,
}
