//! The reason why one schema does not lie within another.

/// The reason why one schema does not lie within another, or cannot be proven to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Mismatch {
    /// The place in the payload: a JSON Pointer, with `*` for any item or key.
    pub(in super::super) at: String,
    pub(in super::super) why: String,
    /// Whether the two schemas merely describe different kinds of values, as the alternatives of an enum do.
    pub(super) other_kind: bool,
}

pub(super) type Proof = Result<(), Mismatch>;

impl Mismatch {
    /// A mismatch of the value itself.
    pub(super) fn here(why: &str) -> Self {
        Self {
            at: String::new(),
            why: why.to_owned(),
            other_kind: false,
        }
    }

    /// The same mismatch of a value that holds this one at `step`.
    pub(super) fn under(self, step: &str) -> Self {
        Self {
            at: format!("/{step}{}", self.at),
            ..self
        }
    }
}
