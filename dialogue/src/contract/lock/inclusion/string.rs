//! Strings: lengths, patterns and formats.

use serde_json::Value;

use super::comparison::SchemaComparison;
use super::forms::Form;
use super::mismatch::Proof;

impl<'s> SchemaComparison<'s> {
    pub(super) fn strings_fit(&self, form: &Form<'s>, wide: &Form<'s>) -> Proof {
        self.counts_fit("characters", ["minLength", "maxLength"], form, wide)?;
        for pattern in wide.all("pattern") {
            if !form.all("pattern").any(|own| own == pattern) {
                return Err(self.differs(
                    &format!("must now match {pattern}"),
                    &format!("no longer has to match {pattern}"),
                ));
            }
        }
        for format in wide.all("format").filter(|format| !is_remark(format)) {
            if !form.all("format").any(|own| own == format) {
                return Err(self.differs(
                    &format!("must now have the format {format}"),
                    &format!("no longer has to have the format {format}"),
                ));
            }
        }
        Ok(())
    }
}

/// Whether a format names a Rust type. Validators ignore such formats.
fn is_remark(format: &Value) -> bool {
    const REMARKS: [&str; 16] = [
        "int8", "int16", "int32", "int64", "int128", "int", "uint8", "uint16", "uint32", "uint64", "uint128", "uint",
        "float", "double", "char", "password",
    ];
    format.as_str().is_some_and(|format| REMARKS.contains(&format))
}
