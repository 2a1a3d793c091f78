// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tells who watches how far a materialization is.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::common::instant::Instant;
use datafusion::execution::context::SessionConfig;
use datafusion_feast::{MaterializeProgress, Progress, ProgressTo};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(1);

/// A line on the terminal every now and then; none for what is done at once.
#[derive(Debug)]
struct Lines {
    last: Mutex<Instant>,
}

/// The configuration of a session that tells the terminal, if somebody may be there.
pub(crate) fn watched(config: SessionConfig, quiet: bool) -> SessionConfig {
    if quiet || !io::stderr().is_terminal() {
        return config;
    }
    let lines = Lines {
        last: Mutex::new(Instant::now()),
    };
    config.with_extension(Arc::new(ProgressTo(Arc::new(lines))))
}

impl Progress for Lines {
    fn materializing(&self, progress: &MaterializeProgress) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // The first report of a materialization begins the pause.
        if progress.rows_kept == 0 && progress.rows_read < 10_000 {
            *last = Instant::now();
            return;
        }
        if last.elapsed() >= PAUSE {
            *last = Instant::now();
            // A terminal that is gone is no reason to stop.
            let _ = writeln!(io::stderr(), "{}", line(progress));
        }
    }
}

fn line(progress: &MaterializeProgress) -> String {
    let mut line = format!(
        "materializing {}: {} rows read",
        progress.view,
        grouped(progress.rows_read)
    );
    if progress.bytes_read > 0 {
        let megabytes = progress.bytes_read as f64 / 1e6;
        line.push_str(&format!(", {megabytes:.1} MB"));
    }
    if progress.rows_skipped > 0 {
        line.push_str(&format!(", {} skipped", grouped(progress.rows_skipped)));
    }
    if progress.rows_kept > 0 {
        line.push_str(&format!(", {} to write", grouped(progress.rows_kept)));
    }
    line
}

/// A number with a comma every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_rows_and_bytes() {
        let mut progress = MaterializeProgress {
            view: "trips".to_owned(),
            rows_read: 1_234_567,
            bytes_read: 0,
            rows_skipped: 0,
            rows_kept: 0,
        };
        assert_eq!(line(&progress), "materializing trips: 1,234,567 rows read");
        progress.bytes_read = 34_560_000;
        progress.rows_skipped = 12;
        progress.rows_kept = 1_000;
        let all = "materializing trips: 1,234,567 rows read, 34.6 MB, 12 skipped, 1,000 to write";
        assert_eq!(line(&progress), all);
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(100_000), "100,000");
    }
}
