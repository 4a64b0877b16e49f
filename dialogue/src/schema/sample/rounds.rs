//! The distribution of changes over samples: each sample has as many changes as do not exclude each other.
//!
//! A sample has one alternative of each union, and one change at each place. Changes inside of a place come before
//! those of the place itself, which would hide them. So the number of samples grows with the number of alternatives and
//! of changes at one place, but not with the number of places.

use std::collections::VecDeque;

use serde_json::Value;

use super::sampler::Sampler;
use super::trial::{Content, Trial};
use crate::schema::graph::{ROOT, StepId, StepKind};
use crate::schema::walk::Edge;

/// Distributes changes over samples. Each of the results are the changes of one sample.
pub(in crate::schema) fn rounds(sampler: &Sampler<'_>, trials: Vec<Trial>) -> Vec<Vec<Trial>> {
    let mut left = Left::new(sampler, trials);
    let mut rounds = Vec::new();
    while left.below(None) > 0 || !left.root.is_empty() {
        let mut round = Vec::new();
        left.pick(None, &mut round);
        if round.is_empty() {
            break;
        }
        rounds.push(round);
    }
    rounds
}

impl Sampler<'_> {
    /// A payload with all parts of each schema, once.
    pub(in crate::schema) fn detailed(&self) -> Option<Value> {
        let everywhere = self.places().map(|step| Trial {
            step,
            content: Content::Any,
        });
        let round = rounds(self, everywhere.collect()).into_iter().next()?;
        self.payload(&round.iter().collect::<Vec<_>>())
    }
}

/// The changes that are in no sample yet.
struct Left<'a, 's> {
    sampler: &'a Sampler<'s>,
    root: VecDeque<Trial>,
    steps: Vec<VecDeque<Trial>>,
    /// How many changes there are at the steps that leave a schema, and below.
    below: Vec<usize>,
}

impl<'a, 's> Left<'a, 's> {
    fn new(sampler: &'a Sampler<'s>, trials: Vec<Trial>) -> Self {
        let graph = sampler.graph();
        let mut left = Self {
            sampler,
            root: VecDeque::new(),
            steps: vec![VecDeque::new(); graph.steps().len()],
            below: vec![0; graph.len()],
        };
        for trial in trials {
            if let Some(queue) = left.queue(trial.step) {
                queue.push_back(trial);
            }
        }
        // A schema comes before those that it is nearest to, so the last ones are complete first.
        for (id, step) in graph.steps().iter().enumerate().rev() {
            let below = if graph.is_way(id) {
                left.below.get(step.to).copied()
            } else {
                None
            };
            let here = left.steps.get(id).map_or(0, VecDeque::len);
            if let Some(sum) = left.below.get_mut(step.from) {
                *sum += here + below.unwrap_or(0);
            }
        }
        left
    }

    fn queue(&mut self, step: Option<StepId>) -> Option<&mut VecDeque<Trial>> {
        match step {
            Some(step) => self.steps.get_mut(step),
            None => Some(&mut self.root),
        }
    }

    /// How many changes are left below a step.
    fn below(&self, step: Option<StepId>) -> usize {
        match step {
            Some(id) if !self.sampler.graph().is_way(id) => 0,
            _ => self.below.get(self.sampler.target(step)).copied().unwrap_or(0),
        }
    }

    /// Puts changes at a step and below into a sample. Returns how many.
    fn pick(&mut self, step: Option<StepId>, round: &mut Vec<Trial>) -> usize {
        let below = self.below(step);
        let (mut picked, mut bare) = (0, false);
        if let Some(queue) = self.queue(step) {
            let next = queue
                .iter()
                .position(|trial| below == 0 || !matches!(trial.content, Content::Exactly(_)));
            if let Some(trial) = next.and_then(|next| queue.remove(next)) {
                bare = matches!(trial.content, Content::Bare);
                round.push(trial);
                picked += 1;
            }
        }
        if below > 0 {
            picked + self.pick_below(step, bare, round)
        } else {
            picked
        }
    }

    fn pick_below(&mut self, step: Option<StepId>, bare: bool, round: &mut Vec<Trial>) -> usize {
        let node = step.map_or(ROOT, |id| self.sampler.target(Some(id)));
        let graph = self.sampler.graph();
        let mut picked = 0;
        let (mut kind, mut any_of, mut one_of) = (None, false, false);
        for (id, step) in graph.steps_from(node) {
            if self.below(Some(id)) == 0 && self.steps.get(id).is_none_or(VecDeque::is_empty) {
                continue;
            }
            let is_free = match step.kind {
                StepKind::Whole => true,
                StepKind::AnyOf => !std::mem::replace(&mut any_of, true),
                StepKind::OneOf => !std::mem::replace(&mut one_of, true),
                StepKind::Part if bare && !self.sampler.requires(id) => false,
                // An instance is either an object or an array.
                StepKind::Part => {
                    let is_item = matches!(step.edge, Edge::Item | Edge::Prefix(_));
                    *kind.get_or_insert(is_item) == is_item
                }
            };
            if is_free {
                picked += self.pick(Some(id), round);
            }
        }
        if let Some(below) = self.below.get_mut(node) {
            *below -= picked;
        }
        picked
    }
}
