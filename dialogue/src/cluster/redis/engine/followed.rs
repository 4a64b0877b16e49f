//! The rooms that this node follows, and what it has heard of them. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::cluster::redis::change_position::ChangePosition;
use crate::cluster::redis::keys::Partition;
use crate::id::RoomId;

/// The most nodes whose batches of a room are remembered.
const MOST_NODES: usize = 64;

/// The rooms that this node follows, by their channels.
#[derive(Default)]
pub(super) struct Followed {
    rooms: Mutex<HashMap<Bytes, Room>>,
}

struct Room {
    id: RoomId,
    partition: Partition,
    /// How often it is followed.
    times: usize,
    /// Whether the subscription was confirmed once. The connections then make it again by themselves.
    is_subscribed: bool,
    /// When that was last tried.
    tried: Instant,
    /// The last change that the node knows, or will read before it uses the room.
    heard: ChangePosition,
    /// When the lifetime of its data was extended.
    kept: Option<Instant>,
    /// The last batch of each node.
    batches: HashMap<Arc<str>, u64>,
}

/// A room that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OneRoom {
    pub(super) id: RoomId,
    pub(super) channel: Bytes,
    pub(super) partition: Partition,
}

impl Followed {
    /// Follows a room once more. `subscribe` is called in the order of these calls and of those of [`leave`](Self::leave).
    pub(super) fn follow<T>(&self, room: &OneRoom, subscribe: impl FnOnce() -> T) -> T {
        let mut rooms = self.rooms.lock();
        let followed = rooms.entry(room.channel.clone()).or_insert_with(|| Room {
            id: room.id.clone(),
            partition: room.partition,
            times: 0,
            is_subscribed: false,
            tried: Instant::now(),
            heard: ChangePosition::BEGIN,
            kept: None,
            batches: HashMap::new(),
        });
        followed.times += 1;
        followed.tried = Instant::now();
        subscribe()
    }

    /// Follows a room once less. Calls `unsubscribe` if it is not followed any more.
    pub(super) fn leave(&self, channel: &Bytes, unsubscribe: impl FnOnce()) {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(channel) else {
            return;
        };
        room.times -= 1;
        if room.times == 0 {
            rooms.remove(channel);
            unsubscribe();
        }
    }

    /// The room of a channel.
    pub(super) fn room(&self, channel: &[u8]) -> Option<RoomId> {
        self.rooms.lock().get(channel).map(|room| room.id.clone())
    }

    /// All rooms that are followed.
    pub(super) fn ids(&self) -> HashSet<RoomId> {
        self.rooms.lock().values().map(|room| room.id.clone()).collect()
    }

    pub(super) fn set_subscribed(&self, channel: &[u8]) {
        if let Some(room) = self.rooms.lock().get_mut(channel) {
            room.is_subscribed = true;
        }
    }

    /// Whether the subscription of a room was confirmed.
    pub(super) fn is_subscribed(&self, channel: &[u8]) -> bool {
        self.rooms.lock().get(channel).is_some_and(|room| room.is_subscribed)
    }

    /// Notes that this change is known.
    pub(super) fn note_heard(&self, channel: &[u8], position: ChangePosition) {
        if let Some(room) = self.rooms.lock().get_mut(channel) {
            room.heard = room.heard.max(position);
        }
    }

    /// Whether a batch comes for the first time. While a slot moves, messages may come twice.
    pub(super) fn is_first(&self, channel: &[u8], node: &Arc<str>, counter: u64) -> bool {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(channel) else {
            return true;
        };
        if let Some(last) = room.batches.get_mut(node) {
            let is_first = counter > *last;
            *last = counter.max(*last);
            return is_first;
        }
        if room.batches.len() >= MOST_NODES {
            room.batches.clear();
        }
        room.batches.insert(Arc::clone(node), counter);
        true
    }

    /// Whether a room is followed and has not heard of this change.
    pub(super) fn is_behind(&self, channel: &[u8], position: ChangePosition) -> bool {
        self.rooms.lock().get(channel).is_some_and(|room| room.heard < position)
    }

    /// How many rooms of each partition are followed.
    pub(super) fn partitions(&self) -> HashMap<Partition, usize> {
        let mut partitions = HashMap::new();
        for room in self.rooms.lock().values() {
            *partitions.entry(room.partition).or_default() += 1;
        }
        partitions
    }

    /// All rooms of a partition that are followed.
    pub(super) fn of(&self, partition: Partition) -> Vec<RoomId> {
        let rooms = self.rooms.lock();
        let of_partition = rooms.values().filter(|room| room.partition == partition);
        of_partition.map(|room| room.id.clone()).collect()
    }

    /// Some rooms whose lifetime was not extended since `since`, at most so many. It is now.
    pub(super) fn take_unkept(&self, since: Option<Instant>, most: usize) -> Vec<RoomId> {
        let mut rooms = self.rooms.lock();
        let unkept = rooms
            .values_mut()
            .filter(|room| room.kept.is_none() || room.kept < since);
        let now = Instant::now();
        unkept
            .take(most)
            .map(|room| {
                room.kept = Some(now);
                room.id.clone()
            })
            .collect()
    }

    /// Calls `subscribe` for the rooms whose subscription was tried and not confirmed for so long.
    pub(super) fn subscribe_again<T>(&self, longest: Duration, subscribe: impl Fn(&OneRoom) -> T) -> Vec<(OneRoom, T)> {
        let mut rooms = self.rooms.lock();
        let unsubscribed = rooms
            .iter_mut()
            .filter(|(_, room)| !room.is_subscribed && room.tried.elapsed() >= longest);
        unsubscribed
            .map(|(channel, room)| {
                room.tried = Instant::now();
                let room = OneRoom {
                    id: room.id.clone(),
                    channel: channel.clone(),
                    partition: room.partition,
                };
                let subscribed = subscribe(&room);
                (room, subscribed)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::redis::keys::Keys;

    fn chat() -> OneRoom {
        let keys = Keys::new("dialogue", 0, 256).unwrap();
        OneRoom {
            id: "chat".into(),
            channel: keys.channel("chat"),
            partition: keys.partition("chat"),
        }
    }

    #[test]
    fn a_room_is_followed_until_it_is_left_as_often() {
        let (followed, room) = (Followed::default(), chat());
        followed.follow(&room, || ());
        followed.follow(&room, || ());
        followed.leave(&room.channel, || panic!("it is followed"));
        assert_eq!(followed.room(&room.channel), Some("chat".into()));
        let mut is_left = false;
        followed.leave(&room.channel, || is_left = true);
        assert!(is_left);
        assert_eq!(followed.room(&room.channel), None);
        followed.leave(&room.channel, || panic!("it was left"));
    }

    #[test]
    fn a_batch_comes_once_for_the_first_time() {
        let (followed, room) = (Followed::default(), chat());
        followed.follow(&room, || ());
        let is_first = |node: &str, counter| followed.is_first(&room.channel, &node.into(), counter);
        assert!(is_first("a", 7) && is_first("b", 3) && is_first("a", 8));
        assert!(!is_first("a", 8) && !is_first("a", 7) && is_first("b", 4));
        for node in 0..1_000 {
            assert!(is_first(&node.to_string(), 1));
        }
        assert!(followed.rooms.lock()[&room.channel].batches.len() <= MOST_NODES);
    }

    #[test]
    fn a_subscription_is_tried_again_after_a_time_until_it_is_confirmed() {
        let (followed, room) = (Followed::default(), chat());
        let again = |longest| followed.subscribe_again(longest, |room| room.id.clone());
        followed.follow(&room, || ());
        assert!(again(Duration::from_secs(60)).is_empty());
        assert_eq!(again(Duration::ZERO), [(room.clone(), "chat".into())]);
        followed.set_subscribed(&room.channel);
        assert!(again(Duration::ZERO).is_empty());
    }

    #[test]
    fn a_room_is_kept_again_after_a_time() {
        let (followed, room) = (Followed::default(), chat());
        followed.follow(&room, || ());
        assert_eq!(followed.take_unkept(None, 9), ["chat"]);
        assert!(followed.take_unkept(None, 9).is_empty());
        let later = Instant::now() + Duration::from_secs(1);
        assert!(followed.take_unkept(Some(later), 0).is_empty());
        assert_eq!(followed.take_unkept(Some(later), 9), ["chat"]);
    }

    #[test]
    fn a_room_is_behind_until_it_has_heard_of_the_change() {
        let (followed, room) = (Followed::default(), chat());
        let position = |index| ChangePosition { milliseconds: 7, index };
        assert!(!followed.is_behind(&room.channel, position(1)));
        followed.follow(&room, || ());
        followed.note_heard(&room.channel, position(2));
        followed.note_heard(&room.channel, position(1));
        assert!(!followed.is_behind(&room.channel, position(2)));
        assert!(followed.is_behind(&room.channel, position(3)));
    }
}
