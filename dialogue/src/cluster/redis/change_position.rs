//! Positions of change logs. Pure.

use std::fmt;

use super::foreign::number;

/// A position of a partition's change log. Later changes have higher ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ChangePosition {
    pub(super) milliseconds: u64,
    pub(super) index: u64,
}

impl ChangePosition {
    /// Before every change.
    pub(super) const BEGIN: Self = Self {
        milliseconds: 0,
        index: 0,
    };

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (milliseconds, index) = text.split_once('-')?;
        Some(Self {
            milliseconds: number(milliseconds)?,
            index: number(index)?,
        })
    }
}

impl fmt::Display for ChangePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.index)
    }
}
