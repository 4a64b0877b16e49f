//! The state that a room's lock guards: the record, and the members on this node. They change together. Pure.

use std::sync::Arc;

use super::appends::ClientAppends;
use super::local::LocalMembers;
use super::record::{NoSeat, RoomRecord};
use super::returning::ReturningUsers;
use super::subscriptions::Subscriptions;
use crate::connection::ClientKey;

/// A room's record and its members on this node.
#[derive(Debug)]
pub(crate) struct RoomState<S> {
    pub(crate) record: RoomRecord,
    pub(crate) local: LocalMembers<S>,
    pub(crate) returning: ReturningUsers,
    pub(crate) appends: ClientAppends,
}

impl<S: Clone> RoomState<S> {
    pub(crate) fn new(max_size: Option<usize>, epoch: Arc<str>) -> Self {
        Self {
            record: RoomRecord::new(max_size, epoch),
            local: LocalMembers::default(),
            returning: ReturningUsers::default(),
            appends: ClientAppends::default(),
        }
    }

    /// Adds a member. If the client is a member already, replaces its subscriptions and takes no second seat.
    pub(crate) fn join(&mut self, key: ClientKey, sink: S, subscriptions: Subscriptions) -> Result<(), NoSeat> {
        if self.local.contains(key) {
            self.set_subscriptions(key, subscriptions);
            return Ok(());
        }
        self.record.take_seat()?;
        self.local.add(key, sink, subscriptions, self.record.seq());
        Ok(())
    }

    /// Removes a member. Returns false if the client was not a member.
    pub(crate) fn leave(&mut self, key: ClientKey) -> bool {
        let was_member = self.local.remove(key);
        if was_member {
            self.record.free_seat();
        }
        was_member
    }

    /// Replaces a member's subscriptions. Returns false if the client is not a member.
    pub(crate) fn set_subscriptions(&mut self, key: ClientKey, subscriptions: Subscriptions) -> bool {
        self.local.set_subscriptions(key, subscriptions, self.record.seq())
    }

    /// Notes that a member is told the room's present epoch.
    pub(crate) fn note_told(&mut self, key: ClientKey) {
        self.local.set_told(key, self.record.renewals());
    }

    /// Whether a client is a member that has not been told the room's present epoch.
    pub(crate) fn must_be_told(&self, key: ClientKey) -> bool {
        self.local.told(key).is_some_and(|told| told != self.record.renewals())
    }

    /// Whether a member has received every event after `seq` that it is subscribed to.
    pub(crate) fn is_complete_since(&self, key: ClientKey, seq: u64) -> bool {
        self.local
            .complete_since(key)
            .is_some_and(|since| (since..=self.record.seq()).contains(&seq))
    }

    /// Deletes the room: no client can join from now on. Returns its members, or `None` if it was deleted before.
    pub(crate) fn delete(&mut self) -> Option<Vec<S>> {
        self.record.delete().then(|| self.local.remove_all())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::id::EventName;

    fn named(names: &[&str]) -> Subscriptions {
        Subscriptions::Named(names.iter().map(|name| EventName::from(*name)).collect())
    }

    #[test]
    fn takes_no_more_members_than_its_size() {
        let mut room = RoomState::new(Some(1), "epoch".into());
        assert_eq!(room.join(ClientKey(1), 1, Subscriptions::all()), Ok(()));
        assert_eq!(room.join(ClientKey(2), 2, Subscriptions::all()), Err(NoSeat::Full));
        assert_eq!(
            room.join(ClientKey(1), 1, named(&["a"])),
            Ok(()),
            "a member keeps its seat"
        );
        assert!(room.leave(ClientKey(1)));
        assert_eq!(room.join(ClientKey(2), 2, Subscriptions::all()), Ok(()));
    }

    #[test]
    fn rejects_a_join_after_the_room_was_deleted() {
        let mut room = RoomState::new(None, "epoch".into());
        room.join(ClientKey(1), 1, Subscriptions::all()).expect("a seat");
        assert_eq!(room.delete(), Some(vec![1]));
        assert_eq!(room.delete(), None);
        assert_eq!(room.join(ClientKey(2), 2, Subscriptions::all()), Err(NoSeat::Deleted));
        assert_eq!(room.local.subscribers("a").count(), 0);
    }

    #[test]
    fn an_empty_room_is_noted_once_after_each_departure() {
        let (mut room, key) = (RoomState::new(None, "epoch".into()), ClientKey(1));
        assert_eq!((room.record.note_empty(), room.record.note_empty()), (Some(0), None));
        room.join(key, 1, Subscriptions::all()).expect("a seat");
        assert_eq!(room.record.note_empty(), None, "the room has a member");
        room.leave(key);
        assert_eq!((room.record.note_empty(), room.record.note_empty()), (Some(1), None));
    }

    #[test]
    fn a_member_has_every_event_only_since_it_subscribed() {
        let (mut room, key) = (RoomState::new(None, "epoch".into()), ClientKey(1));
        room.record.advance();
        room.join(key, 1, named(&["a"])).expect("a seat");
        assert!(!room.is_complete_since(key, 0), "the member joined later");
        room.local.set_complete_since(key, 0);
        assert!(room.is_complete_since(key, 0));
        assert!(!room.is_complete_since(key, 2), "the room has not reached this number");
        room.set_subscriptions(key, named(&[]));
        assert!(
            room.is_complete_since(key, 0),
            "a member with fewer subscriptions misses nothing"
        );
        room.set_subscriptions(key, Subscriptions::all());
        assert!(
            !room.is_complete_since(key, 0),
            "the member had fewer subscriptions until now"
        );
        assert!(room.is_complete_since(key, 1));
    }

    #[test]
    fn a_member_is_told_each_epoch_once() {
        let (mut room, key) = (RoomState::new(None, "epoch".into()), ClientKey(1));
        assert!(!room.must_be_told(key), "it is not a member");
        room.record.advance();
        room.join(key, 1, Subscriptions::all()).expect("a seat");
        room.note_told(key);
        assert!(!room.record.renew(&"epoch".into()), "the room has this epoch");
        assert!(!room.must_be_told(key));
        assert!(room.record.renew(&"other".into()));
        assert_eq!(room.record.seq(), 0, "until the window says where the log ends");
        assert!(room.must_be_told(key));
        room.join(ClientKey(2), 2, Subscriptions::all()).expect("a seat");
        room.note_told(ClientKey(2));
        room.note_told(key);
        assert!(!room.must_be_told(key) && !room.must_be_told(ClientKey(2)));
        room.leave(key);
        room.record.renew(&"third".into());
        assert!(!room.must_be_told(key), "it has left");
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
        fn subscribers_are_exactly_the_members_that_subscribed(steps in prop::collection::vec(step(), 0..60)) {
            let mut room = RoomState::new(Some(3), "epoch".into());
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
                    let mut subscribers: Vec<u64> = room.local.subscribers(event).copied().collect();
                    subscribers.sort_unstable();
                    let expected: Vec<u64> =
                        model.iter().filter(|(_, all)| all.includes(event)).map(|(key, _)| *key).collect();
                    prop_assert_eq!(subscribers, expected);
                }
                prop_assert_eq!(room.record.size(), model.len());
            }
        }
    }
}
