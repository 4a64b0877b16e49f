//! Classes: `[a-z\d]`, `[^]`.

use super::cursor::{Cursor, Parsed};
use super::escape::{self, Escape};
use super::problem::Problem;
use super::tree::{Class, ClassItem, NamedSet};

/// Reads a class after its `[`, which is at `start`.
pub(super) fn parse(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Class> {
    let negated = cursor.eat("^");
    let mut items = Vec::new();
    loop {
        let first_at = cursor.at;
        let Some(first) = atom(cursor, start)? else {
            return Ok(Class { negated, items });
        };
        // A hyphen before the end is a character.
        let is_range = cursor.rest().starts_with('-') && !cursor.rest().starts_with("-]");
        if !is_range {
            items.push(first.into());
            continue;
        }
        cursor.eat("-");
        let Some(last) = atom(cursor, start)? else {
            return Err(cursor.error_since(start, Problem::UnclosedClass));
        };
        let (Atom::CodePoint(least), Atom::CodePoint(most)) = (first, last) else {
            return Err(cursor.error_since(first_at, Problem::SetInRange));
        };
        if least > most {
            let reversed = reversed(cursor.text(first_at..cursor.at));
            return Err(cursor.error_since(first_at, Problem::ReversedRange(reversed)));
        }
        items.push(ClassItem::Range(least, most));
    }
}

/// A character or a set of characters in a class.
enum Atom {
    CodePoint(u32),
    Set(NamedSet),
}

impl From<Atom> for ClassItem {
    fn from(atom: Atom) -> Self {
        match atom {
            Atom::CodePoint(code) => Self::Range(code, code),
            Atom::Set(set) => Self::Set(set),
        }
    }
}

/// Reads an atom. `None` at the end of the class.
fn atom(cursor: &mut Cursor<'_>, class: usize) -> Parsed<Option<Atom>> {
    if cursor.peek() == Some('\\') {
        let start = cursor.at;
        return match escape::parse_in_class(cursor)? {
            Escape::CodePoint(code) => Ok(Some(Atom::CodePoint(code))),
            Escape::Set(set) => Ok(Some(Atom::Set(set))),
            Escape::WordBoundary { .. } | Escape::Number(_) | Escape::Name(_) => {
                Err(cursor.error_since(start, Problem::UnknownEscape))
            }
        };
    }
    match cursor.next() {
        Some(']') => Ok(None),
        Some(char) => Ok(Some(Atom::CodePoint(char.into()))),
        None => Err(cursor.error_since(class, Problem::UnclosedClass)),
    }
}

/// The text of a range with its ends exchanged.
fn reversed(range: &str) -> String {
    // The hyphen between the ends is not the first character, which can be a hyphen itself.
    let mut hyphens = range.match_indices('-').map(|(at, _)| at).filter(|at| *at > 0);
    let middle = hyphens.find(|at| !range[..*at].ends_with('\\') || range[..*at].ends_with(r"\\"));
    match middle.and_then(|at| Some((range.get(..at)?, range.get(at + 1..)?))) {
        Some((first, last)) => format!("{last}-{first}"),
        None => range.to_owned(),
    }
}
