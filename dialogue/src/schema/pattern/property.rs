//! Unicode properties: `\p{L}`, `\p{Script=Greek}`.
//!
//! JavaScript compares names exactly, the engine loosely. So this module checks a name, and the engine finds its
//! characters. The characters depend on the version of Unicode, here and in each JavaScript engine.

use regex_syntax::hir::{Class, HirKind};

use super::cursor::{Cursor, Parsed};
use super::problem::Problem;
use super::property_names::{BINARY, GENERAL_CATEGORIES, SCRIPTS};

/// Reads `{name}` or `{name=value}` after `\p`, which is at `start`. Returns the property as the engine reads it.
pub(super) fn parse(cursor: &mut Cursor<'_>, start: usize) -> Parsed<String> {
    if !cursor.eat("{") {
        cursor.take_while(|char| char.is_ascii_alphabetic());
        return Err(cursor.error_since(start, Problem::BareProperty));
    }
    let text = cursor.take_while(|char| char != '}');
    if !cursor.eat("}") {
        return Err(cursor.error_since(start, Problem::UnclosedProperty));
    }
    engine_name(text).ok_or_else(|| {
        let letter = cursor.text(start + 1..start + 2).to_owned();
        cursor.error_since(start, Problem::UnknownProperty(nearest(&letter, text)))
    })
}

/// The property in the engine's syntax. `None` if JavaScript does not know it.
fn engine_name(text: &str) -> Option<String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, value),
        None if is_listed(GENERAL_CATEGORIES, text) => ("gc", text),
        None => return is_listed(BINARY, text).then(|| text.to_owned()),
    };
    let (name, values) = match name {
        "General_Category" | "gc" => ("gc", GENERAL_CATEGORIES),
        "Script" | "sc" => ("sc", SCRIPTS),
        "Script_Extensions" | "scx" => ("scx", SCRIPTS),
        _ => return None,
    };
    is_listed(values, value).then(|| format!("{name}={value}"))
}

fn is_listed(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|listed| listed == name)
}

/// The escape that somebody meant who wrote a name in another way.
fn nearest(letter: &str, text: &str) -> Option<String> {
    if let Some(name) = text.strip_prefix('^') {
        let letter = if letter == "p" { "P" } else { "p" };
        return Some(format!(r"\{letter}{{{name}}}"));
    }
    let key = |name: &str| name.replace(['_', '-', ' '], "").to_ascii_lowercase();
    let value = text.split_once('=').map_or(text, |(_, value)| value);
    let listed = |names: &'static str| names.split_ascii_whitespace().find(|listed| key(listed) == key(value));
    let is_script = text.to_ascii_lowercase().starts_with("sc");
    let found = match listed(GENERAL_CATEGORIES)
        .or_else(|| listed(BINARY))
        .filter(|_| !is_script)
    {
        Some(name) => name.to_owned(),
        None => format!("Script={}", listed(SCRIPTS)?),
    };
    Some(format!(r"\{letter}{{{found}}}"))
}

/// Every property, as a pattern names it.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    let listed = |names: &'static str| names.split_ascii_whitespace();
    let of = |name: &'static str, values| listed(values).map(move |value| format!("{name}={value}"));
    of("gc", GENERAL_CATEGORIES)
        .chain(of("Script", SCRIPTS))
        .chain(of("Script_Extensions", SCRIPTS))
        .chain(listed(BINARY).map(str::to_owned))
        .collect()
}

/// Whether a property contains a character.
pub(super) fn contains(property: &str, char: char) -> bool {
    let Ok(hir) = regex_syntax::parse(&format!(r"\p{{{property}}}")) else {
        return false;
    };
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            let mut ranges = class.ranges().iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&char))
        }
        _ => false,
    }
}
