//! Limits of counts: how many characters, items or properties a value may have.

use super::comparison::SchemaComparison;
use super::forms::Form;
use super::mismatch::Proof;

impl SchemaComparison<'_> {
    /// Whether the limits of a count lie within the wider ones.
    pub(super) fn counts_fit(&self, of: &str, limits: [&str; 2], form: &Form<'_>, wide: &Form<'_>) -> Proof {
        let [least, most] = limits;
        self.limits_fit(
            of,
            [form.at_least(least), form.at_most(most)],
            [wide.at_least(least), wide.at_most(most)],
        )
    }

    pub(super) fn limits_fit(&self, of: &str, [least, most]: [u64; 2], [wide_least, wide_most]: [u64; 2]) -> Proof {
        if least < wide_least {
            return Err(self.differs(
                &format!("now needs {wide_least} {of}, was {least}"),
                &format!("may now have as few as {least} {of}, was {wide_least}"),
            ));
        }
        if most > wide_most {
            let most = match most {
                u64::MAX => "any number of".to_owned(),
                most => most.to_string(),
            };
            return Err(self.differs(
                &format!("may now have only {wide_most} {of}, was {most}"),
                &format!("may now have {most} {of}, was {wide_most}"),
            ));
        }
        Ok(())
    }
}
