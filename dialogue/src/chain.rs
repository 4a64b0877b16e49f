//! Prints an error together with its causes.

use std::error::Error;
use std::fmt;

/// How many causes are printed. An error that names itself as its source would otherwise have no end.
const LONGEST: usize = 20;

/// An error and its causes on one line: `cannot listen on 127.0.0.1:80: permission denied`. Errors do not print their
/// own causes, so logs and panics use this.
pub(crate) struct Chain<'e>(pub(crate) &'e (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        causes(self.0).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

/// The causes of an error, without the error itself. The last one is the first that happened, unless there are too many.
pub(crate) fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source()).take(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn prints_every_cause_once_and_in_order() {
        let link = |text, source| Link { text, source };
        let error = link("c", Some(Box::new(link("b", Some(Box::new(link("a", None)))))));
        assert_eq!(Chain(&error).to_string(), "c: b: a");
        assert_eq!(Chain(&link("a", None)).to_string(), "a");
    }
}
