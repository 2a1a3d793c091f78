// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! An eye on inputs that do not end: nothing can stop the thread that is busy with one, so the process ends.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::write_out;

pub(super) struct Watch {
    current: Arc<Mutex<Option<Vec<u8>>>>,
    done: Sender<()>,
}

impl Watch {
    pub(super) fn new(name: &str, patience: Duration) -> Self {
        let (done, finished) = channel();
        let current = Arc::new(Mutex::new(None::<Vec<u8>>));
        let (watched, name) = (Arc::clone(&current), name.to_owned());
        std::thread::spawn(move || {
            loop {
                match finished.recv_timeout(patience) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        let input = watched.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(input) = input.as_deref() {
                            give_up(&name, input);
                        }
                    }
                }
            }
        });
        Self { current, done }
    }

    pub(super) fn begin(&self, input: &[u8]) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(input.to_vec());
    }

    pub(super) fn end(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // The other side only ends after this one.
        let _ = self.done.send(());
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the process ends here, and nobody else can say why"
)]
fn give_up(name: &str, input: &[u8]) {
    let file = write_out(name, "hangs", input);
    let shown = String::from_utf8_lossy(&input[..input.len().min(2_000)]);
    eprintln!("{name}: an input does not end; it{file}:\n{shown}");
    std::process::exit(101);
}
