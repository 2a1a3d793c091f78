// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Changes of texts: words, blanks and signs are left out, doubled, moved, and exchanged between texts.

use crate::dice::Dice;

/// What texts seldom have.
const ODD: [&str; 16] = [
    "'",
    "\"",
    "\0",
    "é",
    "\u{301}",
    "𝄞",
    "\u{feff}",
    "\r\n",
    "\t",
    "--",
    "/*",
    "$$",
    "\\",
    "99999999999999999999",
    "-1",
    "0.1e400",
];

pub(super) fn changed(input: &[u8], other: &[u8], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let (input, other) = (
        String::from_utf8_lossy(input),
        String::from_utf8_lossy(other),
    );
    let mut pieces = pieces(&input);
    let at = dice.within(0..=pieces.len());
    let to = (at + dice.within(1..=8)).min(pieces.len());
    match dice.within(0..=8) {
        0 => drop(pieces.drain(at..to)),
        1 => drop(pieces.drain(at..(at + 1).min(to))),
        2 => {
            let double = pieces[at..to].to_vec();
            pieces.splice(at..at, double);
        }
        3 => {
            let moved: Vec<_> = pieces.drain(at..to).collect();
            let place = dice.within(0..=pieces.len());
            pieces.splice(place..place, moved);
        }
        4 | 5 => {
            let theirs = self::pieces(&other);
            if !theirs.is_empty() {
                let from = dice.within(0..=theirs.len() - 1);
                let end = (from + dice.within(1..=12)).min(theirs.len());
                let end_here = if dice.percent(50) { at } else { to };
                pieces.splice(at..end_here, theirs[from..end].iter().copied());
            }
        }
        6 if !words.is_empty() => pieces.insert(at, *dice.pick(words)),
        7 if at < to => return letter_changed(&pieces, at, dice),
        _ => pieces.insert(at, *dice.pick(&ODD)),
    }
    pieces.concat().into_bytes()
}

/// Words, runs of blanks, and signs one by one.
fn pieces(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 1,
        c if c.is_whitespace() => 2,
        _ => 0,
    };
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((_, letter)) = letters.next() {
        let end = letters.peek().map_or(text.len(), |(next, _)| *next);
        let joined = letters
            .peek()
            .is_some_and(|(_, next)| class(letter) != 0 && class(*next) == class(letter));
        if !joined {
            pieces.push(&text[start..end]);
            start = end;
        }
    }
    pieces
}

/// One letter of one piece in the other case, left out or doubled.
fn letter_changed(pieces: &[&str], at: usize, dice: &mut Dice) -> Vec<u8> {
    let mut letters: Vec<char> = pieces[at].chars().collect();
    let place = dice.within(0..=letters.len() - 1);
    match dice.within(0..=2) {
        0 => drop(letters.remove(place)),
        1 => letters.insert(place, letters[place]),
        _ if letters[place].is_uppercase() => letters[place] = letters[place].to_ascii_lowercase(),
        _ => letters[place] = letters[place].to_ascii_uppercase(),
    }
    let word: String = letters.into_iter().collect();
    [&pieces[..at].concat(), &word, &pieces[at + 1..].concat()]
        .map(String::as_str)
        .concat()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_words_blanks_and_signs() {
        assert_eq!(
            pieces("CREATE  ENTITY größe_1(('x'"),
            [
                "CREATE",
                "  ",
                "ENTITY",
                " ",
                "größe_1",
                "(",
                "(",
                "'",
                "x",
                "'"
            ]
        );
        assert!(pieces("").is_empty());
    }

    #[test]
    fn any_input_can_be_changed() {
        let mut dice = Dice::new(7);
        for input in [&b""[..], b"a", b"\xff\xfe", "é𝄞".as_bytes()] {
            for _ in 0..500 {
                let _ = changed(input, b"b c", &["word"], &mut dice);
            }
        }
    }
}
