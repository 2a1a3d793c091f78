// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

mod cancel;
mod equality;
mod equality_model;
mod fixture;
mod gated;
mod positions;
mod vectors;
