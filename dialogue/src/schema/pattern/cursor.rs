//! A place in a pattern, for its parsers.

use std::ops::Range;

use super::problem::{PatternError, Problem};

pub(super) type Parsed<T> = Result<T, PatternError>;

/// A place in a pattern.
pub(super) struct Cursor<'p> {
    pub(super) pattern: &'p str,
    /// The place, in bytes.
    pub(super) at: usize,
}

impl<'p> Cursor<'p> {
    pub(super) fn rest(&self) -> &'p str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Reads characters while they satisfy a condition.
    pub(super) fn take_while(&mut self, condition: impl Fn(char) -> bool) -> &'p str {
        let rest = self.rest();
        let end = rest.find(|char| !condition(char)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub(super) fn text(&self, part: Range<usize>) -> &'p str {
        self.pattern.get(part).unwrap_or_default()
    }

    pub(super) fn error(&self, part: Range<usize>, problem: Problem) -> PatternError {
        let part = self.text(part).to_owned();
        PatternError { part, problem }
    }

    /// An error about the text from `start` to here.
    pub(super) fn error_since(&self, start: usize, problem: Problem) -> PatternError {
        self.error(start..self.at, problem)
    }
}
