// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writing, through SQL, read back through our own scan.

mod cancelled;
mod created;
mod failing;
mod faulty;
mod fitting;
mod lake;
mod partitions;
mod properties;
mod recorded_writes;
mod sorted;
