//! Writes values as JSON text.

use serde::Serialize;

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
