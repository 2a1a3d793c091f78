// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a write says of itself in its snapshot, and what it wants to be so when it is committed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use iceberg::spec::TableMetadata;

use crate::error::{Error, ErrorKind, iceberg_error};

type Look = dyn Fn(&TableMetadata) -> Result<(), String> + Send + Sync;

/// A look at the table that a commit goes on top of, each time that is another one.
///
/// When it finds something against the commit, the write ends with an error of the kind
/// [`Conflict`](ErrorKind::Conflict), and nothing is left of it. What it has seen is what the commit
/// replaces: somebody who commits in between makes it look again.
///
/// ```
/// use feast_iceberg::CommitCheck;
///
/// let only_on_an_empty_table = CommitCheck::new(|table| match table.current_snapshot() {
///     None => Ok(()),
///     Some(snapshot) => Err(format!("snapshot {} is there", snapshot.snapshot_id())),
/// });
/// ```
#[derive(Clone)]
pub struct CommitCheck(Arc<Look>);

impl CommitCheck {
    /// The check that `look` makes: the error says what is against the commit.
    pub fn new(
        look: impl Fn(&TableMetadata) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(look))
    }

    /// An error that ends the commit, which a conflict of two commits would not.
    pub(super) fn look_at(&self, table: &TableMetadata) -> iceberg::Result<()> {
        (self.0)(table).map_err(|why| {
            let error = Error::new(ErrorKind::Conflict, why);
            iceberg_error(iceberg::ErrorKind::PreconditionFailed, error)
        })
    }
}

impl fmt::Debug for CommitCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitCheck").finish_non_exhaustive()
    }
}

/// What is known of a commit before its files are.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommitNote {
    /// What the summary of the snapshot says besides the counts. With it, a write without rows makes
    /// a snapshot, too.
    pub(crate) summary: BTreeMap<String, String>,
    /// What has to be so.
    pub(crate) check: Option<CommitCheck>,
}
