// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How far a materialization is, for somebody who watches.

use std::fmt::Debug;
use std::sync::Arc;

/// How far the materialization of a view is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaterializeProgress {
    /// The view.
    pub view: String,
    /// Rows of the source that were looked at.
    pub rows_read: u64,
    /// Bytes of the source's files that were read; 0 where the source does not tell.
    pub bytes_read: u64,
    /// Rows with a NULL key or event time.
    pub rows_skipped: u64,
    /// Rows that were given on to be written: they come when the source has been read.
    pub rows_kept: u64,
}

/// Is told how far materializations are.
///
/// It is called for every few thousand rows, from the threads that read them: it has to be quick.
///
/// ```
/// use std::sync::Arc;
/// use datafusion::prelude::SessionConfig;
/// use feast_online::{MaterializeProgress, Progress, ProgressTo};
///
/// #[derive(Debug)]
/// struct Silent;
///
/// impl Progress for Silent {
///     fn materializing(&self, _progress: &MaterializeProgress) {}
/// }
///
/// let config = SessionConfig::new().with_extension(Arc::new(ProgressTo(Arc::new(Silent))));
/// # assert!(config.get_extension::<ProgressTo>().is_some());
/// ```
pub trait Progress: Debug + Send + Sync {
    /// A materialization has come so far.
    fn materializing(&self, progress: &MaterializeProgress);
}

/// Who is told, as an extension of a session's configuration.
#[derive(Debug, Clone)]
pub struct ProgressTo(pub Arc<dyn Progress>);
