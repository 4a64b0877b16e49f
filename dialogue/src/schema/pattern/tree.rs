//! A pattern as a tree. Whatever a parser puts into it is valid in JavaScript.

use std::ops::Range;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Literal(char),
    /// Half of a surrogate pair. Texts in Rust contain none, so it matches nothing.
    LoneSurrogate,
    /// `.`
    Dot,
    Class(Class),
    /// `^`
    Start,
    /// `$`
    End,
    /// `\b`, or `\B` if `negated`.
    WordBoundary {
        negated: bool,
    },
    Group(Box<Node>),
    Sequence(Vec<Node>),
    Alternatives(Vec<Node>),
    Repetition {
        what: Box<Node>,
        least: u64,
        /// `None` for no limit.
        most: Option<u64>,
    },
    /// A part of JavaScript's patterns that cannot be matched in linear time: `(?=`, `\1`. It has the place of its text
    /// in the pattern.
    Backtracking(Range<usize>),
}

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) negated: bool,
    pub(super) items: Vec<ClassItem>,
}

/// A part of a set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClassItem {
    /// Code points from the first to the second, both included. They can be surrogates.
    Range(u32, u32),
    Set(NamedSet),
}

/// A set of characters that has a name: `\d`, `\p{Letter}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedSet {
    pub(super) negated: bool,
    pub(super) name: SetName,
}

/// The name of a set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SetName {
    /// `\d`
    Digit,
    /// `\s`
    Space,
    /// `\w`
    Word,
    /// A property of Unicode, in the form that the engine reads: `gc=Letter`.
    Property(String),
}
