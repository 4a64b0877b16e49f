//! A step of a removal that takes many: how many rows it removes, and whether another one follows.

use std::time::{Duration, Instant};

/// How long a step may take, about. An append waits for one at most.
const STEP: Duration = Duration::from_millis(4);

/// How many rows a step removes. Follows the time that steps take.
#[derive(Debug)]
pub(super) struct StepSize(usize);

impl StepSize {
    const LEAST: usize = 64;
    const MOST: usize = 4_096;

    pub(super) fn new() -> Self {
        Self(4 * Self::LEAST)
    }

    pub(super) fn rows(&self) -> usize {
        self.0
    }

    /// A step with all its rows began at this time, and has ended.
    pub(super) fn adapt(&mut self, began: Instant) {
        let took = began.elapsed();
        if took < STEP / 2 {
            self.0 = (self.0 * 2).min(Self::MOST);
        } else if took > STEP {
            self.0 = (self.0 / 2).max(Self::LEAST);
        }
    }
}

/// Whether another step has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Finished,
}
