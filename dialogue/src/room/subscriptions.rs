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

    /// Removes `event`. `room_events` are the names of the room's events, if the room allows only these: a wildcard
    /// then becomes the other names.
    pub(crate) fn without(self, event: &EventName, room_events: Option<&[EventName]>) -> Self {
        match (self, room_events) {
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
    fn unsubscribing_from_one_event_replaces_the_wildcard_with_the_other_events() {
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
