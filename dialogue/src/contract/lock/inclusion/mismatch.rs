//! Why one schema does not lie within another.

/// Why one schema is not within another, as far as can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Mismatch {
    /// Where in the payload: a JSON Pointer, with `*` for any item or key.
    pub(in super::super) at: String,
    pub(in super::super) why: String,
    /// Whether it only says that the two are of different kinds, as the alternatives of an enum are.
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
