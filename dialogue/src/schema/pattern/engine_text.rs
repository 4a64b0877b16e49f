//! Turns a tree into the text that the engine reads.
//!
//! The validator passes this text through its own translation from JavaScript before the engine reads it. So the text
//! uses only what that translation leaves alone: literals, explicit ranges of characters in classes, properties, groups,
//! quantifiers, `^`, `$`, and word boundaries with the flag that restricts them to ASCII.

use std::fmt::{self, Write};

use super::problem::{PatternError, Problem};
use super::tree::{Class, ClassItem, NamedSet, Node, SetName};

/// The characters of `\d`, `\w` and `\s` in JavaScript.
const DIGITS: &[(u32, u32)] = &[(0x30, 0x39)];
const WORD: &[(u32, u32)] = &[(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)];
const SPACE: &[(u32, u32)] = &[
    (0x09, 0x0d),
    (0x20, 0x20),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
    (0xfeff, 0xfeff),
];
/// The characters that `.` does not match.
const LINE_ENDS: &[(u32, u32)] = &[(0x0a, 0x0a), (0x0d, 0x0d), (0x2028, 0x2029)];

/// The properties that the engine has no table of.
const UNSUPPORTED: [&str; 2] = ["CWKCF", "Changes_When_NFKC_Casefolded"];

const MAX_CODE_POINT: u32 = 0x10_ffff;

/// The text of a node of `pattern`.
pub(super) fn of(node: &Node, pattern: &str) -> Result<String, PatternError> {
    let mut text = String::with_capacity(pattern.len());
    let mut writer = Writer {
        text: &mut text,
        pattern,
    };
    writer.node(node)?;
    Ok(text)
}

struct Writer<'t> {
    text: &'t mut String,
    pattern: &'t str,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node) -> Result<(), PatternError> {
        match node {
            Node::Literal(char) => self.literal(*char),
            Node::LoneSurrogate => self.set(&[], false),
            Node::Dot => self.set(LINE_ENDS, true),
            Node::Class(class) => self.class(class)?,
            Node::Start => self.text.push('^'),
            Node::End => self.text.push('$'),
            Node::WordBoundary { negated: false } => self.text.push_str(r"(?-u:\b)"),
            Node::WordBoundary { negated: true } => self.text.push_str(r"(?-u:\B)"),
            Node::Group(inner) => {
                self.text.push('(');
                self.node(inner)?;
                self.text.push(')');
            }
            Node::Sequence(parts) => parts.iter().try_for_each(|part| self.node(part))?,
            Node::Alternatives(alternatives) => {
                for (index, alternative) in alternatives.iter().enumerate() {
                    if index > 0 {
                        self.text.push('|');
                    }
                    self.node(alternative)?;
                }
            }
            Node::Repetition { what, least, most } => {
                // No text is so long that it could match.
                if u32::try_from(*least).is_err() {
                    self.set(&[], false);
                } else {
                    self.node(what)?;
                    self.quantifier(*least, *most);
                }
            }
            Node::Backtracking(part) => {
                let part = self.pattern.get(part.clone()).unwrap_or_default().to_owned();
                let problem = if part.starts_with('(') {
                    Problem::Lookaround
                } else {
                    Problem::Backreference
                };
                return Err(PatternError { part, problem });
            }
        }
        Ok(())
    }

    fn quantifier(&mut self, least: u64, most: Option<u64>) {
        let most = most.filter(|most| u32::try_from(*most).is_ok());
        match (least, most) {
            (0, None) => self.text.push('*'),
            (1, None) => self.text.push('+'),
            (0, Some(1)) => self.text.push('?'),
            (least, None) => self.write(format_args!("{{{least},}}")),
            (least, Some(most)) if least == most => self.write(format_args!("{{{least}}}")),
            (least, Some(most)) => self.write(format_args!("{{{least},{most}}}")),
        }
    }

    fn literal(&mut self, char: char) {
        match char {
            '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => {
                self.text.push('\\');
                self.text.push(char);
            }
            char if char.is_control() => self.code_point(char.into()),
            char => self.text.push(char),
        }
    }

    fn class(&mut self, class: &Class) -> Result<(), PatternError> {
        let start = self.text.len();
        self.text.push_str(if class.negated { "[^" } else { "[" });
        let opened = self.text.len();
        for item in &class.items {
            match item {
                ClassItem::Range(least, most) => self.range(*least, *most),
                ClassItem::Set(set) => self.named(set)?,
            }
        }
        if self.text.len() == opened {
            self.text.truncate(start);
            self.set(&[], class.negated);
        } else {
            self.text.push(']');
        }
        Ok(())
    }

    /// A set in a class.
    fn named(&mut self, set: &NamedSet) -> Result<(), PatternError> {
        let ranges = match &set.name {
            SetName::Digit => DIGITS,
            SetName::Space => SPACE,
            SetName::Word => WORD,
            SetName::Property(name) => {
                let letter = if set.negated { 'P' } else { 'p' };
                if UNSUPPORTED.contains(&name.as_str()) {
                    let part = format!(r"\{letter}{{{name}}}");
                    let problem = Problem::UnsupportedProperty;
                    return Err(PatternError { part, problem });
                }
                self.property(letter, name);
                return Ok(());
            }
        };
        if set.negated {
            self.complement(ranges);
        } else {
            self.ranges(ranges);
        }
        Ok(())
    }

    fn property(&mut self, letter: char, name: &str) {
        match (name, letter) {
            // Texts contain no surrogates, and the engine's tables neither.
            ("gc=Cs" | "gc=Surrogate", 'p') => {}
            ("gc=Cs" | "gc=Surrogate", _) => self.range(0, MAX_CODE_POINT),
            // The engine does not know this script. It has the characters that are unassigned or in private use.
            ("sc=Unknown" | "sc=Zzzz" | "scx=Unknown" | "scx=Zzzz", 'p') => self.text.push_str(r"\p{gc=Cn}\p{gc=Co}"),
            ("sc=Unknown" | "sc=Zzzz" | "scx=Unknown" | "scx=Zzzz", _) => {
                for category in ["L", "M", "N", "P", "S", "Z", "Cc", "Cf"] {
                    self.property('p', &format!("gc={category}"));
                }
            }
            _ => self.write(format_args!(r"\{letter}{{{name}}}")),
        }
    }

    /// A class of these ranges, or of everything else.
    fn set(&mut self, ranges: &[(u32, u32)], negated: bool) {
        match (ranges, negated) {
            ([], negated) => {
                self.text.push_str(if negated { "[" } else { "[^" });
                self.range(0, MAX_CODE_POINT);
            }
            (ranges, negated) => {
                self.text.push_str(if negated { "[^" } else { "[" });
                self.ranges(ranges);
            }
        }
        self.text.push(']');
    }

    fn ranges(&mut self, ranges: &[(u32, u32)]) {
        for (least, most) in ranges {
            self.range(*least, *most);
        }
    }

    /// All characters outside of these sorted ranges. A class in a class would be shorter, but the validator's
    /// translation reads its bracket as a character.
    fn complement(&mut self, ranges: &[(u32, u32)]) {
        let mut next = 0;
        for (least, most) in ranges {
            if next < *least {
                self.range(next, least - 1);
            }
            next = most + 1;
        }
        self.range(next, MAX_CODE_POINT);
    }

    /// A range of a class, without the surrogates in it.
    fn range(&mut self, least: u32, most: u32) {
        let (below, above) = (most.min(0xd7ff), least.max(0xe000));
        match (least <= below, above <= most) {
            // The engine has no surrogates, so this range contains none.
            (true, true) => self.span(least, most),
            (true, false) => self.span(least, below),
            (false, true) => self.span(above, most),
            (false, false) => {}
        }
    }

    fn span(&mut self, least: u32, most: u32) {
        self.class_char(least);
        if least < most {
            self.text.push('-');
            self.class_char(most);
        }
    }

    fn class_char(&mut self, code: u32) {
        match char::from_u32(code) {
            Some(char) if char.is_ascii_alphanumeric() => self.text.push(char),
            _ => self.code_point(code),
        }
    }

    fn code_point(&mut self, code: u32) {
        self.write(format_args!("\\u{{{code:x}}}"));
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.text.write_fmt(text);
    }
}
