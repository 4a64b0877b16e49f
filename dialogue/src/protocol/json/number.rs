//! Numbers, whatever features serde_json has.
//!
//! A crate of the application may enable serde_json's feature `arbitrary_precision`. Then serde_json passes a number to
//! a visitor as a map with one private key and the number's text. This module turns it into the number that serde_json
//! would parse without the feature.

use serde_json::Number;

/// The number that a text of JSON means: an integer of 64 bits, or else a float. `None` if it is out of range.
pub(super) fn number(text: &str) -> Option<Number> {
    if let Ok(unsigned) = text.parse::<u64>() {
        return Some(unsigned.into());
    }
    match text.parse::<i64>() {
        // Negative zero is a float.
        Ok(signed) if signed != 0 => Some(signed.into()),
        _ => Number::from_f64(text.parse().ok()?),
    }
}
