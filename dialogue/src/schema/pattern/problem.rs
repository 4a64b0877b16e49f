//! What is wrong with a pattern, and what to write instead.

use std::fmt;

/// A pattern that JavaScript rejects, or that cannot be matched in linear time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::schema) struct PatternError {
    /// The part of the pattern that is wrong.
    pub(in crate::schema) part: String,
    pub(in crate::schema) problem: Problem,
}

impl std::error::Error for Problem {}

/// What is wrong. Its text says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::schema) enum Problem {
    Lookaround,
    Backreference,
    IgnoreCase,
    DotAll,
    Flags,
    PythonGroup,
    AtomicGroup,
    Comment,
    UnknownGroup,
    UnclosedGroup,
    UnopenedGroup,
    UnclosedClass,
    /// This character stands alone, but has a meaning.
    Lone(char),
    NothingToRepeat(char),
    RepeatedAssertion,
    RepeatedTwice,
    NoMinimum(String),
    ReversedQuantifier(String),
    ReversedRange(String),
    SetInRange,
    /// The escape means this elsewhere.
    Instead(String),
    UnknownEscape,
    NeedlessEscape(char),
    Octal(String),
    TrailingBackslash,
    Control,
    HexDigits,
    UnicodeDigits,
    BareProperty,
    UnclosedProperty,
    UnknownProperty(Option<String>),
    /// JavaScript knows the property, and the engine does not.
    UnsupportedProperty,
    GroupName,
    DuplicateGroupName,
    NoSuchGroup,
    ReferenceWithoutName,
    TooDeep,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookaround => f.write_str(
                "patterns are matched in linear time, which excludes lookaround: describe the allowed text without it",
            ),
            Self::Backreference => f.write_str(
                "patterns are matched in linear time, which excludes backreferences: describe the allowed text without it",
            ),
            Self::IgnoreCase => {
                f.write_str("JavaScript has no flags inside of a pattern: write both cases, as in `[Aa]`")
            }
            Self::DotAll => f.write_str("JavaScript has no flags inside of a pattern: write `[^]` instead of `.`"),
            Self::Flags => f.write_str("JavaScript has no flags inside of a pattern: write the pattern without flags"),
            Self::PythonGroup => f.write_str("JavaScript does not know this kind of group: write `(?<` for a named group"),
            Self::AtomicGroup => f.write_str("JavaScript has no atomic groups: write `(?:`"),
            Self::Comment => f.write_str("JavaScript has no comments in patterns: remove it"),
            Self::UnknownGroup => {
                f.write_str("JavaScript does not know this kind of group: write `(?:` for a group, `\\(` for a parenthesis")
            }
            Self::UnclosedGroup => f.write_str("the group does not end: add `)`, or write `\\(` for a parenthesis"),
            Self::UnopenedGroup => f.write_str("no group begins before it: write `\\)` for a parenthesis"),
            Self::UnclosedClass => f.write_str("the class does not end: add `]`, or write `\\[` for a bracket"),
            Self::Lone(char) => write!(f, "JavaScript does not allow it alone: write `\\{char}`"),
            Self::NothingToRepeat(char) => {
                write!(f, "there is nothing to repeat: write `\\{char}` for the character")
            }
            Self::RepeatedAssertion => f.write_str("an assertion cannot be repeated: remove the quantifier"),
            Self::RepeatedTwice => f.write_str(
                "a quantifier cannot follow another, and JavaScript has no possessive quantifiers: remove it, or group \
                 what it repeats",
            ),
            Self::NoMinimum(instead) => write!(f, "the minimum is missing: write `{instead}`"),
            Self::ReversedQuantifier(instead) => write!(f, "the minimum exceeds the maximum: write `{instead}`"),
            Self::ReversedRange(instead) => write!(f, "the range is reversed: write `{instead}`"),
            Self::SetInRange => f.write_str("a set cannot begin or end a range: write `\\-` for the hyphen"),
            Self::Instead(instead) => write!(f, "JavaScript has no such escape: write `{instead}`"),
            Self::UnknownEscape => f.write_str("JavaScript has no such escape: write what it means"),
            Self::NeedlessEscape(char) => {
                write!(f, "JavaScript allows no backslash before this character: write `{char}`")
            }
            Self::Octal(instead) => write!(f, "JavaScript allows no octal escapes: write `{instead}`"),
            Self::TrailingBackslash => f.write_str("the pattern ends with a backslash: write `\\\\`"),
            Self::Control => f.write_str("a letter must follow, as in `\\cJ`"),
            Self::HexDigits => f.write_str("two hexadecimal digits must follow, as in `\\x0a`"),
            Self::UnicodeDigits => f.write_str(
                "four hexadecimal digits must follow, or up to 10FFFF in braces, as in `\\u00e9` or `\\u{1F600}`",
            ),
            Self::BareProperty => {
                f.write_str("the name of a Unicode property must be in braces: write `\\p{L}` for letters")
            }
            Self::UnclosedProperty => f.write_str("the name of the Unicode property does not end: add `}`"),
            Self::UnknownProperty(nearest) => {
                f.write_str("JavaScript has no such Unicode property")?;
                match nearest {
                    Some(nearest) => write!(f, ": write `{nearest}`"),
                    None => f.write_str(": write one such as `\\p{L}` or `\\p{Script=Greek}`"),
                }
            }
            Self::UnsupportedProperty => {
                f.write_str("this server does not have the characters of this Unicode property: use another property")
            }
            Self::GroupName => f.write_str(
                "a group's name must be letters, digits, `_` or `$`, without a digit at the start: write another name",
            ),
            Self::DuplicateGroupName => f.write_str("another group has this name: write another name"),
            Self::NoSuchGroup => f.write_str("the pattern has no such group: remove the reference"),
            Self::ReferenceWithoutName => f.write_str("JavaScript expects the name of a group, as in `\\k<name>`"),
            Self::TooDeep => f.write_str("the groups are nested too deeply: use fewer groups"),
        }
    }
}
