//! Values into JSON text, and text of a client into messages.

use serde::Serialize;

/// How much of a client's text an error message repeats, in characters: enough to recognise, too little to abuse.
const EXCERPT_CHARS: usize = 32;

/// Appends `value` as JSON.
pub(crate) fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // Cannot happen for what this protocol writes: strings, integers, and maps with string keys, into memory. If it
        // ever did, the text around it must stay JSON.
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// The beginning of a client's text, fit for an error message or a log line: short, and without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        excerpt.push('…');
    }
    excerpt
}
