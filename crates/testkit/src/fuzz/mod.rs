// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Inputs nobody would write: a corpus changed at random, from a seed.
//!
//! A target takes bytes and says in a few words what became of them: what was read, or the error. An input with an outcome that was
//! not seen before joins those that are changed further, so that changes go deeper than the corpus. What counts as a failure: a panic
//! (so a target asserts what must hold), and in runs limited by time one input that takes longer than [`PATIENCE`] or more memory
//! than [`MEMORY`].
//!
//! Without further ado [`Fuzz::run`] makes a fixed number of changes, the same ones each time. In the environment
//!
//! - `FEAST_FUZZ_SECONDS` is how long each target runs instead, alone in its process: `--test-threads 1`;
//! - `FEAST_FUZZ_SEED` is where the seeds begin;
//! - `FEAST_FUZZ_OUT` is a folder for inputs that failed and for small ones with an outcome of their own.
//!
//! ```
//! use feast_testkit::fuzz::{Form, Fuzz};
//!
//! let fuzz = Fuzz::new("numbers", Form::Text(&["-", "0x"])).with([&b"12"[..], b"7"]);
//! let told = fuzz.run(200, |bytes| match std::str::from_utf8(bytes).map(str::parse::<u64>) {
//!     Ok(Ok(number)) => format!("{} digits", number.to_string().len()),
//!     _ => "no number".to_owned(),
//! });
//! assert!(told.outcomes > 1);
//! ```

mod memory;
mod protobuf;
mod text;
mod watch;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use self::protobuf::{Field, Value, read_message, write_message};

use self::memory::peak_bytes;
use self::watch::Watch;
use crate::dice::Dice;

/// So long may one input take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// So much may one input add to the memory of the process.
pub const MEMORY: u64 = 256 << 20;
/// Inputs are not made longer.
const LONGEST: usize = 64 << 10;
/// So many inputs are kept to be changed further.
const POOL: usize = 4_000;

/// How inputs are changed.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Byte by byte.
    Bytes,
    /// Word by word, with these words for what the corpus lacks.
    Text(&'static [&'static str]),
    /// Field by field of nested messages, and byte by byte.
    Protobuf,
}

/// A target's inputs.
#[derive(Debug, Clone)]
pub struct Fuzz {
    name: String,
    form: Form,
    corpus: Vec<Vec<u8>>,
}

/// What a run saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Inputs tried.
    pub executions: u64,
    /// Outcomes that differ in more than numbers and names.
    pub outcomes: usize,
}

impl Fuzz {
    /// Inputs for the target of that name; its corpus is empty.
    pub fn new(name: &str, form: Form) -> Self {
        Self {
            name: name.to_owned(),
            form,
            corpus: Vec::new(),
        }
    }

    /// Adds inputs.
    #[must_use]
    pub fn with<T: Into<Vec<u8>>>(mut self, inputs: impl IntoIterator<Item = T>) -> Self {
        self.corpus.extend(inputs.into_iter().map(Into::into));
        self
    }

    /// Adds the files of a folder, in the order of their names. A folder that cannot be read is an error.
    pub fn with_folder(mut self, folder: &Path) -> std::io::Result<Self> {
        let entries: Result<Vec<_>, _> = std::fs::read_dir(folder)?.collect();
        let mut files: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            self.corpus.push(std::fs::read(file)?);
        }
        Ok(self)
    }

    /// Gives the target the corpus, then so many changes of it, or changes for as long as the environment says.
    ///
    /// # Panics
    ///
    /// When an input fails: with the seed, the file it was written to and what happened.
    pub fn run(&self, changes: u64, target: impl Fn(&[u8]) -> String) -> Told {
        let seconds = number("FEAST_FUZZ_SECONDS");
        let mut run = Run {
            fuzz: self,
            target,
            pool: self.corpus.clone(),
            seen: HashSet::new(),
            watch: seconds.map(|_| Watch::new(&self.name, PATIENCE)),
            executions: 0,
        };
        for (at, input) in self.corpus.iter().enumerate() {
            run.try_one(input.clone(), &format!("number {at} of the corpus"));
        }
        let first = number("FEAST_FUZZ_SEED").unwrap_or(0);
        let started = Instant::now();
        let until = seconds.map(Duration::from_secs);
        let more = |made: u64| match until {
            Some(until) => started.elapsed() < until,
            None => made < changes,
        };
        let mut made = 0;
        while more(made) {
            let seed = first.wrapping_add(made);
            let input = run.changed(&mut Dice::new(seed));
            run.try_one(input, &format!("seed {seed}"));
            made += 1;
        }
        Told {
            executions: run.executions,
            outcomes: run.seen.len(),
        }
    }
}

struct Run<'a, T> {
    fuzz: &'a Fuzz,
    target: T,
    /// What is changed further.
    pool: Vec<Vec<u8>>,
    seen: HashSet<String>,
    watch: Option<Watch>,
    executions: u64,
}

impl<T: Fn(&[u8]) -> String> Run<'_, T> {
    fn changed(&self, dice: &mut Dice) -> Vec<u8> {
        let empty = Vec::new();
        let one = |dice: &mut Dice| match self.pool.is_empty() {
            true => &empty,
            false => dice.pick(&self.pool),
        };
        let mut input = one(dice).clone();
        for _ in 0..dice.within(1..=4) {
            let other = one(dice);
            input = match self.fuzz.form {
                Form::Text(words) => text::changed(&input, other, words, dice),
                Form::Protobuf if dice.percent(70) => protobuf::changed(&input, other, dice),
                Form::Protobuf | Form::Bytes => bytes_changed(&input, other, dice),
            };
            input.truncate(LONGEST);
        }
        input
    }

    fn try_one(&mut self, input: Vec<u8>, what: &str) {
        self.executions += 1;
        let before = self.watch.as_ref().map(|watch| {
            watch.begin(&input);
            peak_bytes()
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target)(&input)));
        if let (Some(watch), Some(before)) = (&self.watch, before) {
            watch.end();
            let grown = peak_bytes().saturating_sub(before);
            if grown > MEMORY {
                self.fail(&input, what, &format!("it took {} MB", grown >> 20));
            }
        }
        match outcome {
            Err(_) => self.fail(&input, what, "it panicked"),
            Ok(outcome) => {
                if self.pool.len() < POOL && self.seen.insert(kind_of(&outcome)) {
                    if self.watch.is_some() && input.len() < 2_000 {
                        write_out(&self.fuzz.name, "kept", &input);
                    }
                    self.pool.push(input);
                }
            }
        }
    }

    #[expect(
        clippy::panic,
        reason = "a test stops at an input that fails, and shows it"
    )]
    fn fail(&self, input: &[u8], seed: &str, what: &str) {
        let file = write_out(&self.fuzz.name, "failed", input);
        let shown = String::from_utf8_lossy(&input[..input.len().min(2_000)]);
        panic!(
            "{}, {seed}, execution {}: {what}; the input{file}:\n{shown}",
            self.fuzz.name, self.executions
        );
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Writes an input where the environment says, named by its content.
pub(crate) fn write_out(name: &str, kind: &str, input: &[u8]) -> String {
    let Some(folder) = std::env::var_os("FEAST_FUZZ_OUT") else {
        return String::new();
    };
    let file = Path::new(&folder).join(format!("{name}-{kind}-{:08x}", crc32fast::hash(input)));
    match std::fs::write(&file, input) {
        Ok(()) => format!(" is in {}", file.display()),
        Err(error) => format!(" could not be written to {}: {error}", file.display()),
    }
}

/// An outcome without what differs from input to input: numbers and what is quoted.
fn kind_of(outcome: &str) -> String {
    let mut kind = String::new();
    let mut quote = None;
    for letter in outcome.chars().take(400) {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if matches!(letter, '\'' | '"' | '`') => quote = Some(letter),
            None if letter.is_ascii_digit() => {}
            None => kind.push(letter),
        }
    }
    kind
}

fn bytes_changed(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    const ODD: [u8; 8] = [0, 1, 0x0a, 0x20, 0x7f, 0x80, 0xfe, 0xff];
    let mut bytes = input.to_vec();
    let at = dice.within(0..=bytes.len());
    let to = (at + dice.within(1..=40)).min(bytes.len());
    match dice.within(0..=6) {
        0 if at < bytes.len() => bytes[at] = *dice.pick(&ODD),
        1 if at < bytes.len() => bytes[at] ^= 1 << dice.within(0..=7),
        2 => drop(bytes.drain(at..to)),
        3 => {
            let piece = bytes[at..to].to_vec();
            let place = dice.within(0..=bytes.len());
            bytes.splice(place..place, piece);
        }
        4 if !other.is_empty() => {
            let from = dice.within(0..=other.len() - 1);
            let end = (from + dice.within(1..=200)).min(other.len());
            bytes.splice(at..to, other[from..end].iter().copied());
        }
        // A length that claims far more than there is.
        5 => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
        _ => bytes.truncate(at),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn runs_repeat() {
        let run = || {
            let inputs = RefCell::new(Vec::new());
            let fuzz = Fuzz::new("repeat", Form::Bytes).with([&b"some text"[..], b"and more"]);
            let told = fuzz.run(100, |bytes| {
                inputs.borrow_mut().push(bytes.to_vec());
                format!("{} bytes", bytes.iter().filter(|b| **b == b'e').count())
            });
            (told, inputs.into_inner())
        };
        let (told, inputs) = run();
        assert_eq!(told.executions, 102);
        assert_eq!(inputs[..2], [b"some text".to_vec(), b"and more".to_vec()]);
        assert!(inputs.iter().collect::<HashSet<_>>().len() > 50);
        assert_eq!(run(), (told, inputs));
    }

    #[test]
    fn new_outcomes_are_changed_further() {
        let deepest = RefCell::new(0);
        let fuzz = Fuzz::new("deep", Form::Text(&["("])).with([&b"a"[..]]);
        fuzz.run(4_000, |bytes| {
            let open = bytes.iter().filter(|b| **b == b'(').count();
            let mut deepest = deepest.borrow_mut();
            *deepest = open.max(*deepest);
            "(".repeat(open)
        });
        assert!(*deepest.borrow() > 12, "{}", deepest.borrow());
    }

    #[test]
    #[should_panic(expected = "it panicked")]
    fn a_panic_is_told_with_its_input() {
        Fuzz::new("panics", Form::Bytes).run(500, |bytes| {
            assert!(bytes.len() < 3, "long");
            String::new()
        });
    }

    #[test]
    fn outcomes_are_told_apart_by_their_words() {
        assert_eq!(
            kind_of("line 3: found 'x'"),
            kind_of("line 14: found 'y z'")
        );
        assert_ne!(kind_of("found x"), kind_of("found y"));
    }
}
