//! The rules for event names. They match `EventName::is_valid` in `dialogue`, which this crate cannot call.

use std::fmt;

const MAX_CHARS: usize = 64;

/// The rule that a name breaks. Its text is a phrase that follows "an event's name".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameError {
    Empty,
    /// The name starts with the prefix of Dialogue's own names.
    Reserved,
    /// A name may not contain this character.
    Forbidden(char),
    /// The name has this many characters.
    TooLong(usize),
}

impl std::error::Error for NameError {}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::Reserved => f.write_str("must not start with `dialogue:`, which is reserved for Dialogue"),
            Self::Forbidden(bad) => write!(
                f,
                "may contain only ASCII letters, digits and `_.:-`, not `{}`",
                bad.escape_debug()
            ),
            Self::TooLong(length) => {
                write!(f, "may have at most {MAX_CHARS} characters, but this one has {length}")
            }
        }
    }
}

/// Checks the name of an event.
pub(crate) fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.starts_with("dialogue:") {
        return Err(NameError::Reserved);
    }
    if let Some(bad) = name.chars().find(|&char| !allowed(char)) {
        return Err(NameError::Forbidden(bad));
    }
    let length = name.chars().count();
    if length > MAX_CHARS {
        return Err(NameError::TooLong(length));
    }
    Ok(())
}

fn allowed(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_.:-".contains(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_that_the_protocol_allows() {
        let longest = "x".repeat(64);
        for name in ["m", "message", "order:placed", "a.b_c-D9", "dialogue", longest.as_str()] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn rejects_names_that_the_protocol_rejects() {
        let too_long = "x".repeat(65);
        for (name, error) in [
            ("", NameError::Empty),
            ("*", NameError::Forbidden('*')),
            ("with space", NameError::Forbidden(' ')),
            ("dialogue:joined", NameError::Reserved),
            ("größe", NameError::Forbidden('ö')),
            ("a\n", NameError::Forbidden('\n')),
            (too_long.as_str(), NameError::TooLong(65)),
        ] {
            assert_eq!(check(name), Err(error), "{name}");
        }
    }
}
