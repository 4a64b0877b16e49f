//! The rules for event names. They match `EventName::is_valid` in `dialogue`, which this crate cannot call.

const MAX_CHARS: usize = 64;

/// Returns the rule that a name breaks, as a phrase that follows "an event's name". Returns `None` if the name is
/// valid.
pub(crate) fn fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("must not be empty".to_owned());
    }
    if name.starts_with("dialogue:") {
        return Some("must not start with `dialogue:`, which is reserved for Dialogue".to_owned());
    }
    if let Some(bad) = name.chars().find(|&char| !allowed(char)) {
        return Some(format!(
            "may contain only ASCII letters, digits and `_.:-`, not `{}`",
            bad.escape_debug()
        ));
    }
    let length = name.chars().count();
    (length > MAX_CHARS).then(|| format!("may have at most {MAX_CHARS} characters, but this one has {length}"))
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
            assert_eq!(fault(name), None, "{name}");
        }
    }

    #[test]
    fn rejects_names_that_the_protocol_rejects() {
        let too_long = "x".repeat(65);
        for name in [
            "",
            "*",
            "with space",
            "dialogue:joined",
            "größe",
            "a\n",
            too_long.as_str(),
        ] {
            assert!(fault(name).is_some(), "{name}");
        }
    }
}
