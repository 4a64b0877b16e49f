//! The subscriptions of a member in one room: a set of event names, which can be "all". Pure.

use std::collections::BTreeSet;

use crate::id::EventName;

/// The events that a member receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subscriptions {
    /// The events with these names.
    Named(BTreeSet<EventName>),
    /// Every event except these.
    All { except: BTreeSet<EventName> },
}

impl Subscriptions {
    pub(crate) const fn all() -> Self {
        Self::All {
            except: BTreeSet::new(),
        }
    }

    /// How many subscriptions this set counts as: one for each name that it stores, and one for the wildcard.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Named(names) => names.len(),
            Self::All { except } => 1 + except.len(),
        }
    }

    pub(crate) fn includes(&self, event: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(event),
            Self::All { except } => !except.contains(event),
        }
    }

    /// Whether this set includes an event that `earlier` does not include.
    pub(super) fn adds_to(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Named(names), earlier) => names.iter().any(|name| !earlier.includes(name)),
            (Self::All { except }, Self::All { except: earlier }) => !earlier.is_subset(except),
            (Self::All { .. }, Self::Named(_)) => true,
        }
    }

    /// Adds `event`.
    pub(crate) fn with(mut self, event: &EventName) -> Self {
        match &mut self {
            Self::Named(names) => {
                names.insert(event.clone());
            }
            Self::All { except } => {
                except.remove(event);
            }
        }
        self
    }

    /// Removes `event`: from the names, or as an exception from the wildcard.
    pub(crate) fn without(mut self, event: &EventName) -> Self {
        match &mut self {
            Self::Named(names) => {
                names.remove(event);
            }
            Self::All { except } => {
                except.insert(event.clone());
            }
        }
        self
    }

    /// The events that the wildcard does not include. `None` without a wildcard.
    pub(crate) fn exceptions(&self) -> Option<&BTreeSet<EventName>> {
        match self {
            Self::Named(_) => None,
            Self::All { except } => Some(except),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Subscriptions {
        Subscriptions::Named(names.iter().map(|name| EventName::from(*name)).collect())
    }

    #[test]
    fn unsubscribing_from_one_event_is_an_exception_from_the_wildcard() {
        let narrowed = Subscriptions::all().without(&EventName::from("b"));
        assert!(narrowed.includes("anything") && !narrowed.includes("b"));
        assert_eq!(narrowed.with(&EventName::from("b")), Subscriptions::all());
        assert_eq!(named(&["a", "b"]).without(&EventName::from("b")), named(&["a"]));
    }

    #[test]
    fn detects_an_event_that_the_earlier_subscriptions_did_not_include() {
        let except = |name: &str| Subscriptions::All {
            except: [EventName::from(name)].into(),
        };
        assert!(named(&["a", "b"]).adds_to(&named(&["a"])));
        assert!(!named(&["a"]).adds_to(&named(&["a", "b"])));
        assert!(!named(&["a"]).adds_to(&Subscriptions::all()));
        assert!(named(&["a"]).adds_to(&except("a")));
        assert!(Subscriptions::all().adds_to(&except("a")));
        assert!(!except("a").adds_to(&Subscriptions::all()));
        assert!(Subscriptions::all().adds_to(&named(&["a"])));
    }
}
