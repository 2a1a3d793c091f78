// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg tables: those that other engines wrote, random ones, single cases, and broken storage.

mod cases;
mod differential;
mod faults;
mod files;
mod made;
mod queries;
mod tables;
