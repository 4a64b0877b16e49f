//! Shortens a client's text for messages and logs.

/// How many characters of a client's text an error message repeats. That is enough to recognise the text, and too little
/// to abuse.
const EXCERPT_CHARS: usize = 32;

/// The beginning of a client's text, for an error message or a log line. It is short, and has no control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        excerpt.push('…');
    }
    excerpt
}
