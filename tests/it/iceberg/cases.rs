// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Single cases.
