//! Writes values as JSON text, and shortens a client's text for messages.

use serde::Serialize;

/// How many characters of a client's text an error message repeats. That is enough to recognise the text, and too little
/// to abuse.
const EXCERPT_CHARS: usize = 32;

/// Appends `value` as JSON.
pub(crate) fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // This cannot happen. The protocol writes strings, integers, and maps with string keys, all into memory. If it
        // ever did happen, the text around the value must remain valid JSON.
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// The beginning of a client's text, for an error message or a log line. It is short, and has no control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        excerpt.push('…');
    }
    excerpt
}
