//! A room's members and what each is subscribed to. Pure: no clock, no lock, no socket.
//!
//! Generic over `S`, the place to send to, so that tests can look on.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::subscriptions::Subscriptions;
use crate::connection::ClientKey;
use crate::id::EventName;

/// Who is in a room and hears what, and how far its events are numbered.
#[derive(Debug)]
pub(crate) struct RoomState<S> {
    members: IndexMap<ClientKey, Member<S>>,
    /// For each event, who asked for it by name.
    by_event: HashMap<EventName, IndexMap<ClientKey, S>>,
    /// Who asked for everything.
    everything: IndexMap<ClientKey, S>,
    max_size: Option<usize>,
    seq: u64,
    /// How often somebody has come in.
    joins: u64,
    /// How often somebody had come in when it was last noted that the room is empty.
    noted_empty: Option<u64>,
    deleted: bool,
}

#[derive(Debug)]
struct Member<S> {
    sink: S,
    subscriptions: Subscriptions,
    /// The number above which the member has been sent all that it is subscribed to.
    heard_from: u64,
}

/// Why a room takes no new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// As many are in it as may be.
    Full,
    /// It has been deleted.
    Deleted,
}

impl<S: Clone> RoomState<S> {
    pub(crate) fn new(max_size: Option<usize>) -> Self {
        Self {
            members: IndexMap::new(),
            by_event: HashMap::new(),
            everything: IndexMap::new(),
            max_size,
            seq: 0,
            joins: 0,
            noted_empty: None,
            deleted: false,
        }
    }

    /// Takes a member in. Joining again replaces what it is subscribed to and takes no second seat.
    pub(crate) fn join(&mut self, key: ClientKey, sink: S, subscriptions: Subscriptions) -> Result<(), NoSeat> {
        if self.deleted {
            return Err(NoSeat::Deleted);
        }
        if self.members.contains_key(&key) {
            self.set_subscriptions(key, subscriptions);
            return Ok(());
        }
        if self.is_full() {
            return Err(NoSeat::Full);
        }
        self.listen(key, &sink, &subscriptions);
        let heard_from = self.seq;
        self.members.insert(
            key,
            Member {
                sink,
                subscriptions,
                heard_from,
            },
        );
        self.joins += 1;
        Ok(())
    }

    /// Lets a member go. Returns whether it was one.
    pub(crate) fn leave(&mut self, key: ClientKey) -> bool {
        let Some(member) = self.members.swap_remove(&key) else {
            return false;
        };
        self.unlisten(key, &member.subscriptions);
        true
    }

    /// Replaces what a member is subscribed to. Returns whether it is a member.
    pub(crate) fn set_subscriptions(&mut self, key: ClientKey, subscriptions: Subscriptions) -> bool {
        let Some(member) = self.members.get_mut(&key) else {
            return false;
        };
        let sink = member.sink.clone();
        let before = std::mem::replace(&mut member.subscriptions, subscriptions.clone());
        if subscriptions.widens(&before) {
            member.heard_from = self.seq;
        }
        self.unlisten(key, &before);
        self.listen(key, &sink, &subscriptions);
        true
    }

    fn listen(&mut self, key: ClientKey, sink: &S, subscriptions: &Subscriptions) {
        match subscriptions {
            Subscriptions::Named(names) => {
                for name in names {
                    self.by_event.entry(name.clone()).or_default().insert(key, sink.clone());
                }
            }
            Subscriptions::All { .. } => {
                self.everything.insert(key, sink.clone());
            }
        }
    }

    fn unlisten(&mut self, key: ClientKey, subscriptions: &Subscriptions) {
        match subscriptions {
            Subscriptions::Named(names) => {
                for name in names {
                    if let Some(listeners) = self.by_event.get_mut(name) {
                        listeners.swap_remove(&key);
                        if listeners.is_empty() {
                            self.by_event.remove(name);
                        }
                    }
                }
            }
            Subscriptions::All { .. } => {
                self.everything.swap_remove(&key);
            }
        }
    }

    /// Everyone who hears `event`, each once.
    pub(crate) fn hearers<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a S> {
        let named = self.by_event.get(event).into_iter().flat_map(IndexMap::values);
        let all = self
            .everything
            .iter()
            .filter(move |(key, _)| self.subscriptions(**key).is_some_and(|all| all.hears(event)))
            .map(|(_, sink)| sink);
        named.chain(all)
    }

    pub(crate) fn subscriptions(&self, key: ClientKey) -> Option<&Subscriptions> {
        self.members.get(&key).map(|member| &member.subscriptions)
    }

    pub(crate) fn contains(&self, key: ClientKey) -> bool {
        self.members.contains_key(&key)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Notes that a member has been sent all that it is subscribed to above `seq`, and no longer counts on what is below.
    pub(crate) fn heard_from(&mut self, key: ClientKey, seq: u64) {
        if let Some(member) = self.members.get_mut(&key) {
            member.heard_from = seq;
        }
    }

    /// Whether a member has been sent all that it is subscribed to above `seq`.
    pub(crate) fn has_heard_since(&self, key: ClientKey, seq: u64) -> bool {
        self.members
            .get(&key)
            .is_some_and(|member| (member.heard_from..=self.seq).contains(&seq))
    }

    /// How often somebody has come in so far: the same number later means that nobody has since.
    pub(crate) fn joins(&self) -> u64 {
        self.joins
    }

    /// Whether nobody is in the room, and nobody has been since there had been so many joins.
    pub(crate) fn is_empty_since(&self, joins: u64) -> bool {
        self.members.is_empty() && self.joins == joins && !self.deleted
    }

    /// Notes that nobody is in the room, if so and not noted since somebody last was; then it returns how often somebody
    /// has come in so far.
    pub(crate) fn note_empty(&mut self) -> Option<u64> {
        if !self.members.is_empty() || self.noted_empty == Some(self.joins) {
            return None;
        }
        self.noted_empty = Some(self.joins);
        self.noted_empty
    }

    pub(crate) fn is_full(&self) -> bool {
        self.max_size.is_some_and(|max| self.members.len() >= max)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &S> {
        self.members.values().map(|member| &member.sink)
    }

    /// The number of the last event with history; 0 before the first.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// Numbers one more event.
    pub(crate) fn advance(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Deletes the room: from now on nobody gets in. Returns who was in it; `None` if it was deleted before.
    pub(crate) fn delete(&mut self) -> Option<Vec<S>> {
        if std::mem::replace(&mut self.deleted, true) {
            return None;
        }
        self.by_event = HashMap::new();
        self.everything = IndexMap::new();
        Some(
            std::mem::take(&mut self.members)
                .into_values()
                .map(|member| member.sink)
                .collect(),
        )
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn named(names: &[&str]) -> Subscriptions {
        Subscriptions::Named(names.iter().map(|name| EventName::from(*name)).collect())
    }

    #[test]
    fn takes_no_more_members_than_its_size() {
        let mut room = RoomState::new(Some(1));
        assert_eq!(room.join(ClientKey(1), 1, Subscriptions::all()), Ok(()));
        assert_eq!(room.join(ClientKey(2), 2, Subscriptions::all()), Err(NoSeat::Full));
        assert_eq!(
            room.join(ClientKey(1), 1, named(&["a"])),
            Ok(()),
            "a member has its seat"
        );
        assert!(room.leave(ClientKey(1)));
        assert_eq!(room.join(ClientKey(2), 2, Subscriptions::all()), Ok(()));
    }

    #[test]
    fn nobody_enters_a_deleted_room() {
        let mut room = RoomState::new(None);
        room.join(ClientKey(1), 1, Subscriptions::all()).expect("a seat");
        assert_eq!(room.delete(), Some(vec![1]));
        assert_eq!(room.delete(), None);
        assert_eq!(room.join(ClientKey(2), 2, Subscriptions::all()), Err(NoSeat::Deleted));
        assert_eq!(room.hearers("a").count(), 0);
    }

    #[test]
    fn that_nobody_is_in_it_is_noted_once_for_each_time() {
        let (mut room, key) = (RoomState::new(None), ClientKey(1));
        assert_eq!((room.note_empty(), room.note_empty()), (Some(0), None));
        room.join(key, 1, Subscriptions::all()).expect("a seat");
        assert_eq!(room.note_empty(), None, "somebody is in it");
        room.leave(key);
        assert_eq!((room.note_empty(), room.note_empty()), (Some(1), None));
    }

    #[test]
    fn a_subscription_is_heard_from_the_number_at_which_it_was_made() {
        let (mut room, key) = (RoomState::new(None), ClientKey(1));
        room.advance();
        room.join(key, 1, named(&["a"])).expect("a seat");
        assert!(!room.has_heard_since(key, 0), "it came later");
        room.heard_from(key, 0);
        assert!(room.has_heard_since(key, 0));
        assert!(!room.has_heard_since(key, 2), "nothing is numbered so yet");
        room.set_subscriptions(key, named(&[]));
        assert!(room.has_heard_since(key, 0), "to hear less is to miss nothing");
        room.set_subscriptions(key, Subscriptions::all());
        assert!(!room.has_heard_since(key, 0), "it heard less until now");
        assert!(room.has_heard_since(key, 1));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Join(u64, Subscriptions),
        Leave(u64),
        Subscribe(u64, Subscriptions),
    }

    fn subscriptions() -> impl Strategy<Value = Subscriptions> {
        let names = || {
            prop::collection::btree_set(
                prop::sample::select(vec!["a", "b", "c"]).prop_map(EventName::from),
                0..3,
            )
        };
        prop_oneof![
            names().prop_map(Subscriptions::Named),
            names().prop_map(|except| Subscriptions::All { except }),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u64..6, subscriptions()).prop_map(|(key, subscriptions)| Step::Join(key, subscriptions)),
            (0u64..6).prop_map(Step::Leave),
            (0u64..6, subscriptions()).prop_map(|(key, subscriptions)| Step::Subscribe(key, subscriptions)),
        ]
    }

    proptest! {
        #[test]
        fn hearers_are_exactly_the_members_that_subscribed(steps in prop::collection::vec(step(), 0..60)) {
            let mut room = RoomState::new(Some(3));
            let mut model: BTreeMap<u64, Subscriptions> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Join(key, subscriptions) => {
                        let seat = model.contains_key(&key) || model.len() < 3;
                        prop_assert_eq!(room.join(ClientKey(key), key, subscriptions.clone()).is_ok(), seat);
                        if seat {
                            model.insert(key, subscriptions);
                        }
                    }
                    Step::Leave(key) => prop_assert_eq!(room.leave(ClientKey(key)), model.remove(&key).is_some()),
                    Step::Subscribe(key, subscriptions) => {
                        let member = model.contains_key(&key);
                        prop_assert_eq!(room.set_subscriptions(ClientKey(key), subscriptions.clone()), member);
                        if member {
                            model.insert(key, subscriptions);
                        }
                    }
                }
                for event in ["a", "b", "c", "d"] {
                    let mut hearers: Vec<u64> = room.hearers(event).copied().collect();
                    hearers.sort_unstable();
                    let expected: Vec<u64> =
                        model.iter().filter(|(_, all)| all.hears(event)).map(|(key, _)| *key).collect();
                    prop_assert_eq!(hearers, expected);
                }
                prop_assert_eq!(room.len(), model.len());
            }
        }
    }
}
