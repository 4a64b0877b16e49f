//! The rooms that a client is in: their positions and subscriptions, who listens there, and the way back into them.
//!
//! Knows frames that have come, and no connection; what must be sent is returned.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::buffer::Bounds;
use super::error::ClientError;
use super::events::{Departure, Recovery, RoomItem};
use super::hearing::Hearing;
use super::pending::Readiness;
use super::position::Position;
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, JoinCommand, JoinedRoom, SubscriptionList};

/// How many rooms a server can take a client into by itself: as many as it lets a client be in by default.
const MAX_UNASKED: usize = 100;

/// What is kept of a room until somebody listens: what a server sends to who joins, 300 events of 512 KiB by default, and about as
/// much that comes behind it.
const UNHEARD: Bounds = Bounds {
    items: 600,
    bytes: 1024 * 1024,
};

/// What the handles of a room share with the session.
pub(super) struct RoomShared {
    pub(super) id: RoomId,
    pub(super) hearing: Arc<Hearing<RoomItem>>,
    view: Mutex<RoomView>,
}

/// A room as the client last knew it.
#[derive(Debug, Clone)]
pub(super) struct RoomView {
    pub(super) name: String,
    pub(super) subscriptions: Vec<EventName>,
    pub(super) departed: bool,
}

impl RoomShared {
    pub(super) fn view(&self) -> RoomView {
        self.view.lock().clone()
    }
}

impl std::fmt::Debug for RoomShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomShared")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Where a room is on its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Here,
    /// Its `join` is to be sent, at this time at the earliest.
    Away(Option<Instant>),
    /// It is sent.
    Rejoining,
}

struct Room {
    shared: Arc<RoomShared>,
    position: Option<Position>,
    subscriptions: SubscriptionList,
    /// What the wildcard does not stand for any more.
    except: BTreeSet<EventName>,
    /// What of that the server has not been heard to leave out since the way back.
    not_left_out: BTreeSet<EventName>,
    phase: Phase,
    /// What the client is subscribed to where the server has taken it in by itself, before its way back was answered.
    taken_in: Option<SubscriptionList>,
}

/// The index of rooms that the client's handles see.
pub(super) type RoomIndex = Arc<Mutex<HashMap<RoomId, Arc<RoomShared>>>>;

/// Every room that the client is in, or was when its connection was lost.
pub(super) struct Rooms {
    rooms: HashMap<RoomId, Room>,
    index: RoomIndex,
    bounds: Bounds,
}

/// What a `joined` has brought.
pub(super) struct Entered {
    pub(super) shared: Arc<RoomShared>,
    /// What came after a time away.
    pub(super) recovery: Option<Recovery>,
    /// For who wants the history as a whole.
    pub(super) events: Vec<EventMessage>,
    /// What the wildcard must be narrowed by again.
    pub(super) narrow: Vec<Command>,
}

/// A server has taken the client into more rooms than it may.
#[derive(Debug)]
pub(super) struct TooManyRooms;

impl Rooms {
    pub(super) fn new(index: RoomIndex, bounds: Bounds) -> Self {
        Self {
            rooms: HashMap::new(),
            index,
            bounds,
        }
    }

    /// Whether requests to a room can be sent.
    pub(super) fn readiness(&self, id: &RoomId) -> Readiness {
        match self.rooms.get(id) {
            Some(Room {
                phase: Phase::Here,
                position,
                ..
            }) => Readiness::Here {
                epoch: position
                    .as_ref()
                    .map(|position| position.epoch().to_owned())
                    .unwrap_or_default(),
            },
            Some(_) => Readiness::Away,
            None => Readiness::Gone,
        }
    }

    /// Takes a `joined` in, whose text had so many bytes. `asked` is whether it answers a request that still waits.
    pub(super) fn joined(
        &mut self,
        mut joined: JoinedRoom,
        bytes: usize,
        asked: bool,
    ) -> Result<Entered, TooManyRooms> {
        let id = joined.room_id.clone();
        if !self.rooms.contains_key(&id) {
            if !asked && self.rooms.len() >= MAX_UNASKED {
                return Err(TooManyRooms);
            }
            let room = Room::new(id.clone(), self.bounds);
            self.index.lock().insert(id.clone(), Arc::clone(&room.shared));
            self.rooms.insert(id.clone(), room);
        }
        let Some(room) = self.rooms.get_mut(&id) else {
            return Err(TooManyRooms);
        };
        let weight = bytes / joined.events.len().max(1);
        let stays = room.stays(&joined);
        let arrival = Position::arrive(&mut room.position, &mut joined, stays);
        room.shared.view.lock().name = joined.room_name;
        let is_answer = asked || joined.id.is_some();
        let narrow = if is_answer || room.phase == Phase::Here {
            room.settle(joined.subscriptions)
        } else {
            // The answer to the way back is still to come, and restores what was subscribed to.
            room.taken_in = Some(joined.subscriptions);
            Vec::new()
        };
        if let Some(recovery) = arrival.recovery {
            if matches!(recovery, Recovery::Gap(_)) {
                // Who has heard nothing yet has nothing to throw away.
                room.shared.hearing.forget();
            }
            room.shared.hearing.offer(&RoomItem::Recovered(recovery), false);
        }
        for event in &arrival.events {
            // What was unsubscribed is among what was missed.
            if !room.except.contains(&event.event) {
                room.hand_on(event.clone(), weight);
            }
        }
        Ok(Entered {
            shared: Arc::clone(&room.shared),
            recovery: arrival.recovery,
            events: arrival.events,
            narrow,
        })
    }

    /// Takes a live event in, whose text had so many bytes.
    pub(super) fn event(&mut self, message: EventMessage, bytes: usize) {
        if let Some(room) = self.rooms.get_mut(&message.room_id)
            && let Some(position) = &mut room.position
            && position.take(message.seq)
            && !room.not_left_out.contains(&message.event)
        {
            room.hand_on(message, bytes);
        }
    }

    /// Notes the number in an `ok` for something in the room.
    pub(super) fn seen(&mut self, id: &RoomId, seq: u64) {
        if let Some(position) = self.rooms.get_mut(id).and_then(|room| room.position.as_mut()) {
            position.seen(seq);
        }
    }

    pub(super) fn subscribed(&mut self, id: &RoomId, event: EventName) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.except.remove(&event);
            room.not_left_out.remove(&event);
            room.subscriptions.events.insert(event);
            room.show();
        }
    }

    pub(super) fn subscribed_to_all(&mut self, id: &RoomId) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.hear_all();
            room.subscriptions.wildcard = true;
            room.show();
        }
    }

    /// A join has said what to subscribe to: its wildcard is whole.
    pub(super) fn subscribed_anew(&mut self, id: &RoomId) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.hear_all();
        }
    }

    pub(super) fn unsubscribed(&mut self, id: &RoomId, event: &EventName) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.subscriptions.events.remove(event);
            room.not_left_out.remove(event);
            if room.subscriptions.wildcard {
                room.except.insert(event.clone());
            }
            room.show();
        }
    }

    /// The client is no longer in a room.
    pub(super) fn left(&mut self, id: &RoomId, departure: Departure) {
        let Some(room) = self.rooms.remove(id) else { return };
        self.index.lock().remove(id);
        room.depart(departure);
    }

    /// The connection has ended for good.
    pub(super) fn leave_all(&mut self) {
        self.index.lock().clear();
        for (_, room) in self.rooms.drain() {
            room.depart(Departure::Closed);
        }
    }

    /// There is no way back into a room. The client has left it, unless the server has taken it in all the same.
    pub(super) fn barred(&mut self, id: &RoomId, error: ClientError) {
        match self.rooms.get_mut(id) {
            Some(room) if room.phase == Phase::Here => {}
            Some(room) if room.taken_in.is_some() => {
                let subscriptions = room.taken_in.take().unwrap_or_default();
                room.settle(subscriptions);
            }
            _ => self.left(id, Departure::NotRejoined(error)),
        }
    }

    /// The connection is lost: no membership outlives it.
    pub(super) fn link_lost(&mut self) {
        for room in self.rooms.values_mut() {
            room.phase = Phase::Away(None);
            let taken_in = room.taken_in.take();
            if taken_in.is_some_and(|taken_in| widens(&room.subscriptions, &taken_in)) {
                // It has heard less since the server took it in: up to where it is now it may have missed something.
                room.position.iter_mut().for_each(Position::doubt);
            }
            // The wildcard of a new membership is whole again.
            room.not_left_out.clone_from(&room.except);
        }
    }

    /// Whether the server knows nothing of the client in this room now, and has not been asked.
    pub(super) fn is_away(&self, id: &RoomId) -> bool {
        self.rooms
            .get(id)
            .is_some_and(|room| matches!(room.phase, Phase::Away(_)) && room.taken_in.is_none())
    }

    /// The way back did not work out; it is tried again at this time.
    pub(super) fn rejoin_at(&mut self, id: &RoomId, at: Instant) {
        if let Some(room) = self.rooms.get_mut(id)
            && room.phase == Phase::Rejoining
        {
            room.phase = Phase::Away(Some(at));
        }
    }

    /// The ways back that are to be taken now.
    pub(super) fn rejoins(&mut self, now: Instant) -> Vec<JoinCommand> {
        let due = |phase| matches!(phase, Phase::Away(at) if at.is_none_or(|at| at <= now));
        let due = self.rooms.iter_mut().filter(|(_, room)| due(room.phase));
        due.map(|(id, room)| {
            room.phase = Phase::Rejoining;
            room.rejoin(id)
        })
        .collect()
    }

    /// When [`rejoins`](Self::rejoins) has something to do, if it is later.
    pub(super) fn next_rejoin(&self) -> Option<Instant> {
        let times = self.rooms.values().filter_map(|room| match room.phase {
            Phase::Away(at) => at,
            _ => None,
        });
        times.min()
    }
}

impl Room {
    /// A room of which nothing is known yet.
    fn new(id: RoomId, bounds: Bounds) -> Self {
        let shared = RoomShared {
            id,
            hearing: Arc::new(Hearing::new(bounds, Some(UNHEARD))),
            view: Mutex::new(RoomView {
                name: String::new(),
                subscriptions: Vec::new(),
                departed: false,
            }),
        };
        Self {
            shared: Arc::new(shared),
            position: None,
            subscriptions: SubscriptionList::default(),
            except: BTreeSet::new(),
            not_left_out: BTreeSet::new(),
            phase: Phase::Here,
            taken_in: None,
        }
    }

    /// Whether a `joined` finds the client in the room, and subscribes it to nothing of which it has missed some.
    fn stays(&self, joined: &JoinedRoom) -> bool {
        let heard = match self.phase {
            Phase::Here => Some(&self.subscriptions),
            _ => self.taken_in.as_ref(),
        };
        // A join that does not say where the client was asks for nothing that was before it.
        heard.is_some_and(|heard| joined.recovered != Some(false) || !widens(&joined.subscriptions, heard))
    }

    /// The client is here, with these subscriptions. Returns what the wildcard must be narrowed by again.
    fn settle(&mut self, subscriptions: SubscriptionList) -> Vec<Command> {
        let was_away = std::mem::replace(&mut self.phase, Phase::Here) != Phase::Here;
        self.taken_in = None;
        self.subscriptions = subscriptions;
        if !self.subscriptions.wildcard {
            self.hear_all();
        }
        self.show();
        let narrow = self
            .except
            .iter()
            .filter(|_| was_away)
            .map(|event| Command::Unsubscribe {
                room_id: self.shared.id.clone(),
                event: event.clone(),
            });
        narrow.collect()
    }

    fn hand_on(&self, message: EventMessage, bytes: usize) {
        self.shared
            .hearing
            .offer(&RoomItem::Event(Arc::new(message), bytes), true);
    }

    /// Nothing is left out of the wildcard.
    fn hear_all(&mut self) {
        self.except.clear();
        self.not_left_out.clear();
    }

    /// The join that leads back. The wildcard stands for the names; it is not known which were behind it.
    fn rejoin(&self, id: &RoomId) -> JoinCommand {
        let mut subscriptions = self.subscriptions.clone();
        if subscriptions.wildcard {
            subscriptions.events.clear();
        }
        JoinCommand {
            room_id: id.clone(),
            subscriptions: Some(subscriptions),
            since: self.position.as_ref().map(Position::since),
        }
    }

    fn show(&self) {
        let mut shown = self.subscriptions.clone();
        shown.events.retain(|event| !self.except.contains(event));
        self.shared.view.lock().subscriptions = shown.into_names();
    }

    fn depart(self, departure: Departure) {
        self.shared.view.lock().departed = true;
        self.shared.hearing.offer(&RoomItem::Departed(departure), false);
        self.shared.hearing.end();
    }
}

/// Whether one hears something by these subscriptions that one does not by those of before.
fn widens(subscriptions: &SubscriptionList, before: &SubscriptionList) -> bool {
    !before.wildcard && (subscriptions.wildcard || !subscriptions.events.is_subset(&before.events))
}

/// Whether a room that the server does not let the client back into now may be tried again, and when.
pub(super) fn retry_rejoin(error: &ClientError, now: Instant) -> Option<Instant> {
    use crate::protocol::ErrorCode;

    /// Where the server does not say how long.
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

    match error {
        ClientError::Refused(refused) if matches!(refused.code, ErrorCode::RateLimited | ErrorCode::Unavailable) => {
            Some(now + refused.retry_after.unwrap_or(PAUSE).max(PAUSE / 10).min(PAUSE * 60))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::buffer::{Buffer, Next};
    use crate::client::hearing::Since;
    use crate::client::turn::Placed;

    const BOUNDS: Bounds = Bounds { items: 16, bytes: 1024 };

    fn joined(room: &str, names: &[&str], recovered: Option<bool>) -> JoinedRoom {
        let frame = json!({
            "roomId": room, "roomName": "A room", "subscriptions": names, "epoch": "e", "seq": 0, "recovered": recovered,
            "events": [],
        });
        serde_json::from_value(frame).unwrap()
    }

    fn rooms() -> Rooms {
        Rooms::new(RoomIndex::default(), BOUNDS)
    }

    async fn next(heard: &Buffer<Placed<RoomItem>>) -> Option<RoomItem> {
        match heard.next().await {
            Next::Item(placed) => Some(placed.item),
            _ => None,
        }
    }

    fn event(name: &str) -> EventMessage {
        EventMessage::new(name, "chat", json!(null))
    }

    #[tokio::test(start_paused = true)]
    async fn the_way_back_has_the_subscriptions_of_before() {
        let (mut rooms, now) = (rooms(), Instant::now());
        rooms.joined(joined("chat", &["a", "b"], None), 0, true).ok().unwrap();
        rooms.subscribed(&"chat".into(), "c".into());
        rooms.unsubscribed(&"chat".into(), &"a".into());
        assert!(rooms.rejoins(now).is_empty(), "it is there");
        rooms.link_lost();
        assert_eq!(rooms.readiness(&"chat".into()), Readiness::Away);
        let rejoins = rooms.rejoins(now);
        assert_eq!(rejoins.len(), 1);
        let names = rejoins[0].subscriptions.clone().unwrap().into_names();
        assert_eq!(names, ["b", "c"]);
        assert!(rejoins[0].since.is_some());
        assert!(rooms.rejoins(now).is_empty(), "it is on its way");
    }

    #[tokio::test(start_paused = true)]
    async fn who_heard_less_where_the_server_took_it_in_may_have_missed_something() {
        let (mut rooms, now) = (rooms(), Instant::now());
        for (taken_in, expected) in [(["a", "b"], "e"), (["a", "c"], "")] {
            rooms.joined(joined("chat", &["a", "b"], None), 0, true).ok().unwrap();
            rooms.link_lost();
            rooms.rejoins(now);
            rooms.joined(joined("chat", &taken_in, None), 0, false).ok().unwrap();
            rooms.link_lost();
            let rejoins = rooms.rejoins(now);
            let since = rejoins[0].since.as_ref().unwrap();
            assert_eq!(&*since.epoch, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_narrowed_wildcard_is_narrowed_again_and_hears_nothing_of_it_between() {
        let mut rooms = rooms();
        let shared = rooms
            .joined(joined("chat", &["*", "a", "b"], None), 0, true)
            .ok()
            .unwrap()
            .shared;
        let (_, heard) = shared.hearing.listen(Since::Before, |item| item.is_event_of(None));
        rooms.unsubscribed(&"chat".into(), &"a".into());
        assert_eq!(shared.view().subscriptions, ["*", "b"]);
        rooms.link_lost();
        assert_eq!(
            rooms.rejoins(Instant::now())[0]
                .subscriptions
                .clone()
                .unwrap()
                .into_names(),
            ["*"]
        );
        let entered = rooms
            .joined(joined("chat", &["*", "a", "b"], Some(true)), 0, true)
            .ok()
            .unwrap();
        let narrow = Command::Unsubscribe {
            room_id: "chat".into(),
            event: "a".into(),
        };
        assert_eq!(entered.narrow, [narrow]);
        rooms.event(event("a"), 1);
        rooms.event(event("b"), 1);
        assert!(matches!(next(&heard).await, Some(RoomItem::Event(message, _)) if message.event == "b"));
        // What is subscribed to again may come before the answer does.
        rooms.unsubscribed(&"chat".into(), &"a".into());
        rooms.event(event("a"), 1);
        rooms.event(event("b"), 1);
        assert!(matches!(next(&heard).await, Some(RoomItem::Event(message, _)) if message.event == "a"));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_listens_is_told_what_came_of_it_and_of_the_end() {
        let mut rooms = rooms();
        let shared = rooms.joined(joined("chat", &[], None), 0, true).ok().unwrap().shared;
        let (_, told) = shared.hearing.listen(Since::Before, |_| true);
        rooms.link_lost();
        rooms.joined(joined("chat", &[], Some(false)), 0, true).ok().unwrap();
        assert!(matches!(next(&told).await, Some(RoomItem::Recovered(Recovery::Gap(_)))));
        rooms.left(&"chat".into(), Departure::Removed);
        assert!(matches!(
            next(&told).await,
            Some(RoomItem::Departed(Departure::Removed))
        ));
        assert!(next(&told).await.is_none());
        assert!(shared.view().departed);
        assert_eq!(rooms.readiness(&"chat".into()), Readiness::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_cannot_fill_a_client_with_rooms() {
        let mut rooms = rooms();
        for number in 0..MAX_UNASKED {
            assert!(
                rooms
                    .joined(joined(&format!("room-{number}"), &[], None), 0, false)
                    .is_ok()
            );
        }
        assert!(rooms.joined(joined("another", &[], None), 0, false).is_err());
        assert!(rooms.joined(joined("room-0", &[], None), 0, false).is_ok());
        assert!(rooms.joined(joined("another", &[], None), 0, true).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_way_back_that_is_limited_is_taken_later() {
        let (mut rooms, now) = (rooms(), Instant::now());
        rooms.joined(joined("chat", &[], None), 0, true).ok().unwrap();
        rooms.link_lost();
        rooms.rejoins(now);
        let later = now + std::time::Duration::from_secs(3);
        rooms.rejoin_at(&"chat".into(), later);
        assert_eq!((rooms.rejoins(now).len(), rooms.next_rejoin()), (0, Some(later)));
        assert_eq!(rooms.rejoins(later).len(), 1);
    }
}
