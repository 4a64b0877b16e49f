//! Parses a pattern as `new RegExp(pattern, "u")` does: alternatives, groups and quantifiers. `escape.rs` and `class.rs`
//! parse the rest.

use std::ops::Range;

use super::class;
use super::cursor::{Cursor, Parsed};
use super::escape::{self, Escape};
use super::problem::{PatternError, Problem};
use super::tree::{Class, ClassItem, Node};

/// How deeply groups may be nested. The parsers recurse, and so does the engine's, which has a similar limit.
const MAX_NESTING: usize = 100;

/// Parses the whole pattern.
pub(super) fn parse(pattern: &str) -> Parsed<Node> {
    let mut parser = Parser {
        cursor: Cursor { pattern, at: 0 },
        depth: 0,
        groups: 0,
        names: Vec::new(),
        references: Vec::new(),
    };
    let node = parser.alternatives()?;
    if parser.cursor.at < pattern.len() {
        let at = parser.cursor.at;
        return Err(parser.cursor.error(at..at + 1, Problem::UnopenedGroup));
    }
    parser.check_references()?;
    Ok(node)
}

/// A reference to a group, which may be declared later.
enum Reference {
    Number(u64),
    Name(String),
}

struct Parser<'p> {
    cursor: Cursor<'p>,
    depth: usize,
    /// How many capturing groups there are so far.
    groups: u64,
    names: Vec<String>,
    references: Vec<(Reference, Range<usize>)>,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Parsed<Node> {
        let mut alternatives = vec![self.sequence()?];
        while self.cursor.eat("|") {
            alternatives.push(self.sequence()?);
        }
        Ok(only_or(alternatives, Node::Alternatives))
    }

    fn sequence(&mut self) -> Parsed<Node> {
        let mut parts = Vec::new();
        while let Some(char) = self.cursor.peek().filter(|char| !matches!(char, '|' | ')')) {
            let part = self.part(char)?;
            parts.push(self.quantified(part)?);
        }
        Ok(only_or(parts, Node::Sequence))
    }

    /// An atom or an assertion, which begins with `first`.
    fn part(&mut self, first: char) -> Parsed<Node> {
        let start = self.cursor.at;
        match first {
            '(' => return self.group(),
            '\\' => return self.escape(),
            '*' | '+' | '?' => {
                self.cursor.next();
                return Err(self.cursor.error_since(start, Problem::NothingToRepeat(first)));
            }
            '{' => return Err(self.lone_brace()),
            ']' | '}' => return Err(self.cursor.error(start..start + 1, Problem::Lone(first))),
            _ => {}
        }
        self.cursor.next();
        match first {
            '^' => Ok(Node::Start),
            '$' => Ok(Node::End),
            '.' => Ok(Node::Dot),
            '[' => class::parse(&mut self.cursor, start).map(Node::Class),
            literal => Ok(Node::Literal(literal)),
        }
    }

    /// The error about a `{` that begins no quantifier, or a quantifier without something to repeat.
    fn lone_brace(&mut self) -> PatternError {
        let start = self.cursor.at;
        match self.braces() {
            Ok(Some(_)) => self.cursor.error_since(start, Problem::NothingToRepeat('{')),
            Ok(None) => self.cursor.error(start..start + 1, Problem::Lone('{')),
            Err(error) => error,
        }
    }

    /// Reads the quantifier of `what`, if it has one.
    fn quantified(&mut self, what: Node) -> Parsed<Node> {
        let start = self.cursor.at;
        let Some((least, most)) = self.quantifier()? else {
            return Ok(what);
        };
        if matches!(what, Node::Start | Node::End | Node::WordBoundary { .. }) || self.is_assertion(&what) {
            return Err(self.cursor.error_since(start, Problem::RepeatedAssertion));
        }
        self.cursor.eat("?");
        let second = self.cursor.at;
        if self.quantifier()?.is_some() {
            return Err(self.cursor.error_since(second, Problem::RepeatedTwice));
        }
        let what = Box::new(what);
        Ok(Node::Repetition { what, least, most })
    }

    fn is_assertion(&self, node: &Node) -> bool {
        matches!(node, Node::Backtracking(part) if self.cursor.text(part.clone()).starts_with('('))
    }

    fn quantifier(&mut self) -> Parsed<Option<(u64, Option<u64>)>> {
        let simple = match self.cursor.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                return match self.braces()? {
                    Some(limits) => Ok(Some(limits)),
                    None => Err(self.lone_brace()),
                };
            }
            _ => return Ok(None),
        };
        self.cursor.next();
        Ok(Some(simple))
    }

    /// `{2}`, `{2,}` or `{2,5}`. `None`, and nothing read, for other texts in braces.
    fn braces(&mut self) -> Parsed<Option<(u64, Option<u64>)>> {
        let start = self.cursor.at;
        self.cursor.eat("{");
        let least = self.cursor.take_while(|char| char.is_ascii_digit());
        let has_comma = self.cursor.eat(",");
        let most = self.cursor.take_while(|char| char.is_ascii_digit());
        let is_closed = self.cursor.eat("}");
        if least.is_empty() && has_comma && !most.is_empty() && is_closed {
            let problem = Problem::NoMinimum(format!("{{0,{most}}}"));
            return Err(self.cursor.error_since(start, problem));
        }
        if least.is_empty() || !is_closed {
            self.cursor.at = start;
            return Ok(None);
        }
        if !most.is_empty() && is_greater(least, most) {
            let problem = Problem::ReversedQuantifier(format!("{{{most},{least}}}"));
            return Err(self.cursor.error_since(start, problem));
        }
        let least = number(least);
        Ok(Some(match (has_comma, most) {
            (false, _) => (least, Some(least)),
            (true, "") => (least, None),
            (true, most) => (least, Some(number(most))),
        }))
    }

    fn group(&mut self) -> Parsed<Node> {
        let start = self.cursor.at;
        self.cursor.eat("(");
        if self.depth == MAX_NESTING {
            return Err(self.cursor.error_since(start, Problem::TooDeep));
        }
        let mut is_lookaround = false;
        if self.cursor.eat("?") {
            if ["=", "!", "<=", "<!"].iter().any(|kind| self.cursor.eat(kind)) {
                is_lookaround = true;
            } else if self.cursor.eat("<") {
                self.group_name(start)?;
                self.groups += 1;
            } else if !self.cursor.eat(":") {
                return Err(self.unknown_group(start));
            }
        } else {
            self.groups += 1;
        }
        let opening = start..self.cursor.at;
        self.depth += 1;
        let inner = self.alternatives()?;
        self.depth -= 1;
        if !self.cursor.eat(")") {
            return Err(self.cursor.error(opening, Problem::UnclosedGroup));
        }
        Ok(if is_lookaround {
            Node::Backtracking(opening)
        } else {
            Node::Group(Box::new(inner))
        })
    }

    /// Reads the name of a group up to `>`.
    fn group_name(&mut self, start: usize) -> Parsed<()> {
        let Some(name) = escape::group_name(&mut self.cursor) else {
            return Err(self.cursor.error_since(start, Problem::GroupName));
        };
        if self.names.contains(&name) {
            return Err(self.cursor.error_since(start, Problem::DuplicateGroupName));
        }
        self.names.push(name);
        Ok(())
    }

    /// The error about a `(?` that JavaScript does not know.
    fn unknown_group(&mut self, start: usize) -> PatternError {
        let problem = match self.cursor.peek() {
            Some('P') => {
                self.cursor.next();
                self.cursor.take_while(|char| matches!(char, '<' | '=' | '>'));
                Problem::PythonGroup
            }
            Some('>') => {
                self.cursor.next();
                Problem::AtomicGroup
            }
            Some('#') => {
                self.cursor.next();
                Problem::Comment
            }
            _ => {
                let flags = self.cursor.take_while(|char| char.is_ascii_alphabetic() || char == '-');
                let is_flags = self.cursor.eat(")") || self.cursor.eat(":");
                match flags {
                    _ if !is_flags || flags.is_empty() => Problem::UnknownGroup,
                    flags if flags.starts_with('i') => Problem::IgnoreCase,
                    flags if flags.starts_with('s') => Problem::DotAll,
                    _ => Problem::Flags,
                }
            }
        };
        self.cursor.error_since(start, problem)
    }

    fn escape(&mut self) -> Parsed<Node> {
        let start = self.cursor.at;
        Ok(match escape::parse(&mut self.cursor)? {
            Escape::CodePoint(code) => char::from_u32(code).map_or(Node::LoneSurrogate, Node::Literal),
            Escape::Set(set) => Node::Class(Class {
                negated: false,
                items: vec![ClassItem::Set(set)],
            }),
            Escape::WordBoundary { negated } => Node::WordBoundary { negated },
            Escape::Number(number) => self.reference(Reference::Number(number), start),
            Escape::Name(name) => self.reference(Reference::Name(name), start),
        })
    }

    fn reference(&mut self, to: Reference, start: usize) -> Node {
        let part = start..self.cursor.at;
        self.references.push((to, part.clone()));
        Node::Backtracking(part)
    }

    /// Each reference must lead to a group. The group may follow later.
    fn check_references(&self) -> Parsed<()> {
        for (reference, part) in &self.references {
            let exists = match reference {
                Reference::Number(number) => *number <= self.groups,
                Reference::Name(name) => self.names.contains(name),
            };
            if !exists {
                return Err(self.cursor.error(part.clone(), Problem::NoSuchGroup));
            }
        }
        Ok(())
    }
}

/// The node itself, if there is only one.
fn only_or(mut nodes: Vec<Node>, several: fn(Vec<Node>) -> Node) -> Node {
    if nodes.len() == 1
        && let Some(only) = nodes.pop()
    {
        return only;
    }
    several(nodes)
}

/// The number that decimal digits mean; the largest number if it is too large.
fn number(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

fn is_greater(first: &str, second: &str) -> bool {
    let [first, second] = [first, second].map(|digits| digits.trim_start_matches('0'));
    (first.len(), first) > (second.len(), second)
}
