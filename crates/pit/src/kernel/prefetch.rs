// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The one place of this crate with `unsafe`: asking the processor to load a cache line early.

#![expect(unsafe_code, reason = "a prefetch hint cannot be written in safe Rust")]

/// Asks for the cache line of `slice[index]`; out of range is ignored. A hint only: no effect on results.
#[inline(always)]
pub(crate) fn prefetch<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if index < slice.len() {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the pointer is inside the slice, and a prefetch neither reads nor writes through it.
        unsafe { _mm_prefetch(slice.as_ptr().add(index).cast::<i8>(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
}
