//! What a backslash begins, inside and outside of classes, and the names of groups.

use super::cursor::{Cursor, Parsed};
use super::problem::Problem;
use super::property;
use super::tree::{NamedSet, SetName};

/// The meaning of an escape.
pub(super) enum Escape {
    /// A code point, which can be a surrogate.
    CodePoint(u32),
    Set(NamedSet),
    WordBoundary {
        negated: bool,
    },
    /// A reference to a group by number.
    Number(u64),
    /// A reference to a group by name.
    Name(String),
}

/// Reads an escape outside of a class.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Escape> {
    let start = cursor.at;
    cursor.eat("\\");
    match cursor.peek() {
        Some(kind @ ('b' | 'B')) => {
            cursor.next();
            Ok(Escape::WordBoundary { negated: kind == 'B' })
        }
        Some('1'..='9') => {
            let digits = cursor.take_while(|char| char.is_ascii_digit());
            Ok(Escape::Number(digits.parse().unwrap_or(u64::MAX)))
        }
        Some('k') => {
            cursor.next();
            let name = if cursor.eat("<") { group_name(cursor) } else { None };
            match name {
                Some(name) => Ok(Escape::Name(name)),
                None => Err(cursor.error_since(start, Problem::ReferenceWithoutName)),
            }
        }
        _ => shared(cursor, start),
    }
}

/// Reads an escape inside a class.
pub(super) fn parse_in_class(cursor: &mut Cursor<'_>) -> Parsed<Escape> {
    let start = cursor.at;
    cursor.eat("\\");
    match cursor.peek() {
        Some('b') => {
            cursor.next();
            Ok(Escape::CodePoint(0x08))
        }
        Some('-') => {
            cursor.next();
            Ok(Escape::CodePoint('-'.into()))
        }
        Some('1'..='9') => {
            let digits = cursor.take_while(|char| char.is_ascii_digit());
            let problem = octal(digits);
            Err(cursor.error_since(start, problem))
        }
        _ => shared(cursor, start),
    }
}

/// Reads an escape that means the same everywhere, after its backslash.
fn shared(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Escape> {
    let Some(kind) = cursor.next() else {
        return Err(cursor.error_since(start, Problem::TrailingBackslash));
    };
    let set = |name, negated| Ok(Escape::Set(NamedSet { negated, name }));
    let char = match kind {
        'd' | 'D' => return set(SetName::Digit, kind == 'D'),
        's' | 'S' => return set(SetName::Space, kind == 'S'),
        'w' | 'W' => return set(SetName::Word, kind == 'W'),
        'p' | 'P' => {
            let name = property::parse(cursor, start)?;
            return set(SetName::Property(name), kind == 'P');
        }
        'u' => return unicode(cursor, start).map(Escape::CodePoint),
        'x' => return hexadecimal(cursor, start).map(Escape::CodePoint),
        'c' => match cursor.peek().filter(char::is_ascii_alphabetic) {
            Some(letter) => {
                cursor.next();
                return Ok(Escape::CodePoint(u32::from(letter) % 32));
            }
            None => return Err(cursor.error_since(start, Problem::Control)),
        },
        '0' => {
            let more = cursor.take_while(|char| char.is_ascii_digit());
            if !more.is_empty() {
                let problem = octal(more);
                return Err(cursor.error_since(start, problem));
            }
            '\0'
        }
        't' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '/' => kind,
        unknown => {
            let problem = unknown_escape(unknown);
            return Err(cursor.error_since(start, problem));
        }
    };
    Ok(Escape::CodePoint(char.into()))
}

/// What to write instead of a backslash and `char`.
fn unknown_escape(char: char) -> Problem {
    let instead = match char {
        'A' => "^",
        'z' | 'Z' => "$",
        'a' => r"\x07",
        'e' => r"\x1b",
        'U' => r"\u{1F600}",
        'h' => r"[\t ]",
        'R' => r"(?:\r\n|[\n\r])",
        'X' | 'N' | 'C' => ".",
        'B' => r"\\B",
        char if char.is_ascii_alphanumeric() => return Problem::UnknownEscape,
        char => return Problem::NeedlessEscape(char),
    };
    Problem::Instead(instead.to_owned())
}

/// The octal number that an escape seems to mean.
fn octal(digits: &str) -> Problem {
    let code = u32::from_str_radix(digits, 8).unwrap_or(0);
    Problem::Octal(if code <= 0xff {
        format!(r"\x{code:02x}")
    } else {
        format!(r"\u{{{code:x}}}")
    })
}

fn hexadecimal(cursor: &mut Cursor<'_>, start: usize) -> Parsed<u32> {
    if let Some(digits) = cursor.rest().strip_prefix('{').and_then(|rest| rest.split_once('}'))
        && is_hexadecimal(digits.0)
    {
        let instead = format!(r"\u{{{}}}", digits.0);
        return Err(cursor.error_since(start, Problem::Instead(instead)));
    }
    match digits(cursor, 2) {
        Some(code) => Ok(code),
        None => {
            cursor.take_while(|char| char.is_ascii_hexdigit());
            Err(cursor.error_since(start, Problem::HexDigits))
        }
    }
}

/// Reads what follows `\u`. Two halves of a surrogate pair make one code point.
fn unicode(cursor: &mut Cursor<'_>, start: usize) -> Parsed<u32> {
    let Some(code) = unicode_digits(cursor) else {
        cursor.take_while(|char| char.is_ascii_hexdigit());
        return Err(cursor.error_since(start, Problem::UnicodeDigits));
    };
    let in_braces = cursor.text(start..cursor.at).ends_with('}');
    if !in_braces && (0xd800..0xdc00).contains(&code) {
        let after = cursor.at;
        if cursor.eat("\\u")
            && let Some(low @ 0xdc00..=0xdfff) = digits(cursor, 4)
        {
            return Ok(0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00));
        }
        cursor.at = after;
    }
    Ok(code)
}

/// Reads `00e9` or `{1F600}`.
fn unicode_digits(cursor: &mut Cursor<'_>) -> Option<u32> {
    if !cursor.eat("{") {
        return digits(cursor, 4);
    }
    let digits = cursor.take_while(|char| char.is_ascii_hexdigit());
    let is_closed = cursor.eat("}");
    let significant = digits.trim_start_matches('0');
    // Zero has no significant digits.
    let code =
        u32::from_str_radix(significant, 16).or_else(|error| if significant.is_empty() { Ok(0) } else { Err(error) });
    code.ok()
        .filter(|code| is_closed && !digits.is_empty() && *code <= 0x10_ffff)
}

/// Reads exactly `count` hexadecimal digits, or nothing.
fn digits(cursor: &mut Cursor<'_>, count: usize) -> Option<u32> {
    let digits = cursor.rest().get(..count).filter(|digits| is_hexadecimal(digits))?;
    cursor.at += count;
    u32::from_str_radix(digits, 16).ok()
}

fn is_hexadecimal(digits: &str) -> bool {
    !digits.is_empty() && digits.chars().all(|char| char.is_ascii_hexdigit())
}

/// Reads the name of a group and the `>` after it. `None` if it is not a name; then the cursor is after the name.
pub(super) fn group_name(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut name = String::new();
    while let Some(char) = cursor.next() {
        match char {
            '>' => return is_identifier(&name).then_some(name),
            '\\' => {
                let start = cursor.at - 1;
                let code = if cursor.eat("u") {
                    unicode(cursor, start).ok()?
                } else {
                    return None;
                };
                name.push(char::from_u32(code)?);
            }
            char => name.push(char),
        }
    }
    None
}

/// Whether JavaScript allows the text as an identifier.
fn is_identifier(name: &str) -> bool {
    let ascii = name
        .chars()
        .all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '$'));
    if ascii {
        return name.starts_with(|char: char| !char.is_ascii_digit());
    }
    // The engine's tables have the two sets that the definition of an identifier uses.
    let matches = |set: &str, char: char| property::contains(set, char);
    name.chars().enumerate().all(|(index, char)| match char {
        '_' | '$' => true,
        '\u{200c}' | '\u{200d}' => index > 0,
        char if index == 0 => matches("ID_Start", char),
        char => matches("ID_Continue", char),
    })
}
