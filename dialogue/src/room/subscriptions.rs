//! What a member of a room hears: a set of event names that can be "all". Pure.

use std::collections::BTreeSet;

use crate::id::EventName;

/// What a member hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subscriptions {
    /// The events of these names.
    Named(BTreeSet<EventName>),
    /// Every event but these.
    All { except: BTreeSet<EventName> },
}

impl Subscriptions {
    pub(crate) const fn all() -> Self {
        Self::All {
            except: BTreeSet::new(),
        }
    }

    /// How many subscriptions it counts as: as many as there are names to keep, and the wildcard.
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

    /// Whether it includes an event that `earlier` does not.
    pub(super) fn adds_to(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Named(names), earlier) => names.iter().any(|name| !earlier.includes(name)),
            (Self::All { except }, Self::All { except: earlier }) => !earlier.is_subset(except),
            (Self::All { .. }, Self::Named(_)) => true,
        }
    }

    /// With `event` too.
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

    /// Without `event`. `others` are the events of the room if they are all known: then a wildcard becomes their names.
    pub(crate) fn without(self, event: &EventName, others: Option<&[EventName]>) -> Self {
        match (self, others) {
            (Self::Named(mut names), _) => {
                names.remove(event);
                Self::Named(names)
            }
            (Self::All { except }, Some(known)) => Self::Named(
                known
                    .iter()
                    .filter(|name| *name != event && !except.contains(*name))
                    .cloned()
                    .collect(),
            ),
            (Self::All { mut except }, None) => {
                except.insert(event.clone());
                Self::All { except }
            }
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
    fn unsubscribing_from_one_event_narrows_the_wildcard_to_the_others() {
        let known = [EventName::from("a"), EventName::from("b"), EventName::from("c")];
        assert_eq!(
            Subscriptions::all().without(&EventName::from("b"), Some(&known)),
            named(&["a", "c"])
        );
        let open = Subscriptions::all().without(&EventName::from("b"), None);
        assert!(open.includes("anything") && !open.includes("b"));
        assert!(open.with(&EventName::from("b")).includes("b"));
    }

    #[test]
    fn subscriptions_widen_when_they_hear_something_new() {
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
