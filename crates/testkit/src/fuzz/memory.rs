// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How much memory the process has held at most, where the system tells.

/// The most bytes that were resident; 0 where that is not known.
pub(super) fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
