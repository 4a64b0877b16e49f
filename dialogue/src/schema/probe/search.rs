//! The search for the changes to a sample about which a type and its schema disagree.

use serde_json::Value;

use crate::schema::sample::{Sampler, Trial, rounds};

/// What became of a sample.
pub(super) enum Verdict<D> {
    /// The type does with it what the schema says.
    Agreed,
    /// The schema does not allow the sample, so it shows nothing.
    Excluded,
    /// The type and the schema disagree.
    Disagreed(D),
}

/// Tries out changes to samples of one schema.
pub(super) struct Search<'a, 's, D> {
    pub(super) sampler: &'a Sampler<'s>,
    pub(super) judge: &'a dyn Fn(&Value) -> Verdict<D>,
}

impl<D> Search<'_, '_, D> {
    /// The changes about which type and schema disagree, each with the disagreement about it alone.
    pub(super) fn all(&self, trials: Vec<Trial>) -> Vec<(Trial, D)> {
        let mut found = Vec::new();
        for round in rounds(self.sampler, trials) {
            self.search(&round.iter().collect::<Vec<_>>(), false, &mut found);
        }
        found
    }

    /// The first of these changes.
    pub(super) fn first(&self, trials: Vec<Trial>) -> Option<(Trial, D)> {
        let mut found = Vec::new();
        for round in rounds(self.sampler, trials) {
            self.search(&round.iter().collect::<Vec<_>>(), true, &mut found);
            if !found.is_empty() {
                break;
            }
        }
        found.into_iter().next()
    }

    /// Divides changes until the sample has a single one, or the type and the schema agree.
    fn search(&self, trials: &[&Trial], only_first: bool, found: &mut Vec<(Trial, D)>) {
        if only_first && !found.is_empty() {
            return;
        }
        let verdict = match self.sampler.payload(trials) {
            Some(payload) => (self.judge)(&payload),
            None => Verdict::Excluded,
        };
        match (verdict, trials) {
            (Verdict::Agreed, _) | (Verdict::Excluded, [] | [_]) => {}
            (Verdict::Disagreed(disagreement), [trial]) => found.push(((*trial).clone(), disagreement)),
            _ => {
                let (first, second) = trials.split_at(trials.len() / 2);
                self.search(first, only_first, found);
                self.search(second, only_first, found);
            }
        }
    }
}
