//! Converts a type's name to other spellings. Works on plain text only.

/// `UserJoined` → `user-joined`, `HTTPError` → `http-error`.
pub(crate) fn kebab(type_name: &str) -> String {
    words(type_name).join("-")
}

/// `ProjectDiscussion` → `Project discussion`.
pub(crate) fn sentence(type_name: &str) -> String {
    let text = words(type_name).join(" ");
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => text,
    }
}

/// Splits a name into lower-case words. A word begins at an underscore and at an upper-case letter that does not follow
/// another upper-case letter. In a run of upper-case letters, the last one begins a word if a lower-case letter follows.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, &char) in chars.iter().enumerate() {
        let after_upper = at > 0 && chars[at - 1].is_uppercase();
        let before_lower = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        let begins = char == '_' || (char.is_uppercase() && (!after_upper || before_lower));
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if char != '_' {
            word.extend(char.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_case_splits_at_capitals_and_keeps_acronyms_and_digits_together() {
        for (name, kebab_case) in [
            ("Typing", "typing"),
            ("UserJoined", "user-joined"),
            ("HTTPError", "http-error"),
            ("Version2Draft", "version2-draft"),
            ("Snake_Case", "snake-case"),
            ("A", "a"),
            ("ABTest", "ab-test"),
        ] {
            assert_eq!(kebab(name), kebab_case);
        }
    }

    #[test]
    fn starts_a_sentence_with_a_capital() {
        assert_eq!(sentence("ProjectDiscussion"), "Project discussion");
        assert_eq!(sentence("Chat"), "Chat");
    }
}
