//! The client's position in a room: which events are new, which it has seen, and whether it missed any. Pure.

use super::events::{Gap, Recovery};
use crate::event::EventMessage;
use crate::protocol::{JoinedRoom, LogPosition};

/// The epoch of a room, and the highest number in it that the client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    epoch: String,
    seq: u64,
}

/// The effect of a `joined` frame.
#[derive(Debug, PartialEq)]
pub(super) struct Arrival {
    /// Whether the client missed events since it was last in the room; `None` at the first join.
    pub(super) recovery: Option<Recovery>,
    /// The events to pass on after that.
    pub(super) events: Vec<EventMessage>,
}

impl Position {
    /// The position to send with the next `join`.
    pub(super) fn since(&self) -> LogPosition {
        LogPosition {
            epoch: self.epoch.clone(),
            seq: self.seq,
        }
    }

    /// The room's epoch.
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Takes in a live event and returns whether it is new. An event without a number is always new, because it is sent
    /// only once.
    pub(super) fn take(&mut self, seq: Option<u64>) -> bool {
        match seq {
            Some(seq) if seq <= self.seq => false,
            Some(seq) => {
                self.seq = seq;
                true
            }
            None => true,
        }
    }

    /// Records that the client may have missed events up to this position, so the next `joined` must not count as
    /// complete.
    pub(super) fn invalidate(&mut self) {
        // No room has this epoch.
        self.epoch.clear();
    }

    /// Records the number in an `ok`: everything due up to it has arrived.
    pub(super) fn acknowledge(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// Takes in a `joined` frame and moves its events into the result. `position` is where the client was.
    /// `was_present` says whether the client was already in the room on this connection; if so, everything due up to
    /// this point has arrived.
    pub(super) fn arrive(position: &mut Option<Self>, joined: &mut JoinedRoom, was_present: bool) -> Arrival {
        let mut events = std::mem::take(&mut joined.events);
        let recovery = position
            .as_ref()
            .and_then(|before| before.recovery(joined, was_present, &mut events));
        let highest = Self::keep_in_order(&mut events);
        *position = Some(Self {
            epoch: joined.epoch.clone(),
            seq: joined.seq.max(highest.unwrap_or(0)),
        });
        Arrival { recovery, events }
    }

    /// A correct server sends a list in order and without duplicates. A wrong one must not be passed on as it is. Returns
    /// the highest number in the list.
    pub(super) fn keep_in_order(events: &mut Vec<EventMessage>) -> Option<u64> {
        let mut highest = None;
        events.retain(|event| match event.seq {
            Some(seq) if highest.is_some_and(|highest| seq <= highest) => false,
            Some(seq) => {
                highest = Some(seq);
                true
            }
            None => true,
        });
        highest
    }

    /// Whether events were missed since this position. Keeps in `events` those to pass on after that.
    fn recovery(&self, joined: &JoinedRoom, was_present: bool, events: &mut Vec<EventMessage>) -> Option<Recovery> {
        let same_epoch = self.epoch == joined.epoch;
        if was_present && same_epoch {
            events.clear();
            return None;
        }
        // A join that the server made itself does not say where the client was. If no event has happened since, none is
        // missed.
        let is_whole = joined.recovered.unwrap_or(self.seq == joined.seq);
        if is_whole && same_epoch {
            // An event that was seen is not shown again, even if the server repeats it.
            events.retain(|event| event.seq.is_none_or(|seq| seq > self.seq));
            return Some(Recovery::Complete);
        }
        // The application discards what it has seen, so all events must be shown.
        Some(Recovery::Gap(Gap {
            last_seen: self.seq,
            same_epoch,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::protocol::SubscriptionList;

    fn event(seq: u64) -> EventMessage {
        let mut event = EventMessage::new("message", "chat", json!(seq));
        event.seq = Some(seq);
        event
    }

    fn joined(epoch: &str, seq: u64, recovered: Option<bool>, events: &[u64]) -> JoinedRoom {
        JoinedRoom {
            id: None,
            room_id: "chat".into(),
            room_name: "Chat".to_owned(),
            subscriptions: SubscriptionList::default(),
            except: Default::default(),
            epoch: epoch.to_owned(),
            seq,
            recovered,
            events: events.iter().map(|seq| event(*seq)).collect(),
        }
    }

    fn at(epoch: &str, seq: u64) -> Option<Position> {
        Some(Position {
            epoch: epoch.to_owned(),
            seq,
        })
    }

    /// Takes in a `joined` for a client that was not in the room on this connection.
    fn arrive(position: &mut Option<Position>, mut joined: JoinedRoom) -> Arrival {
        Position::arrive(position, &mut joined, false)
    }

    fn numbers(arrival: &Arrival) -> Vec<u64> {
        arrival.events.iter().filter_map(|event| event.seq).collect()
    }

    #[test]
    fn a_first_join_takes_the_rooms_number_and_recovers_nothing() {
        let mut position = None;
        let arrival = arrive(&mut position, joined("e", 9, None, &[3, 7]));
        assert_eq!((arrival.recovery, numbers(&arrival)), (None, vec![3, 7]));
        assert_eq!(position, at("e", 9));
    }

    #[test]
    fn a_recovery_passes_on_new_events() {
        let mut position = at("e", 5);
        let arrival = arrive(&mut position, joined("e", 9, Some(true), &[4, 5, 6, 8]));
        assert_eq!(arrival.recovery, Some(Recovery::Complete));
        assert_eq!(numbers(&arrival), [6, 8]);
        assert_eq!(position, at("e", 9));
    }

    #[test]
    fn a_gap_is_reported_and_seen_events_are_shown_again_after_it() {
        let mut position = at("e", 5);
        let arrival = arrive(&mut position, joined("e", 90, Some(false), &[5, 89, 90]));
        let gap = Gap {
            last_seen: 5,
            same_epoch: true,
        };
        assert_eq!(arrival.recovery, Some(Recovery::Gap(gap)));
        assert_eq!(numbers(&arrival), [5, 89, 90]);
    }

    #[test]
    fn another_epoch_is_a_gap_and_all_its_events_are_new_whatever_the_server_says() {
        for (recovered, was_present) in [(Some(false), false), (Some(true), false), (None, true)] {
            let mut position = at("e", 5);
            let arrival = Position::arrive(&mut position, &mut joined("f", 2, recovered, &[1, 2]), was_present);
            let gap = Gap {
                last_seen: 5,
                same_epoch: false,
            };
            assert_eq!(arrival.recovery, Some(Recovery::Gap(gap)));
            assert_eq!(numbers(&arrival), [1, 2]);
            assert_eq!(position, at("f", 2));
        }
    }

    #[test]
    fn a_client_in_the_room_misses_nothing_by_joining_again() {
        for recovered in [None, Some(false), Some(true)] {
            let mut position = at("e", 5);
            let arrival = Position::arrive(&mut position, &mut joined("e", 9, recovered, &[4, 5, 8]), true);
            assert_eq!((arrival.recovery, arrival.events.len()), (None, 0));
            assert_eq!(position, at("e", 9));
        }
    }

    #[test]
    fn a_server_made_join_is_complete_only_if_nothing_has_happened() {
        let whole = arrive(&mut at("e", 5), joined("e", 5, None, &[4, 5]));
        assert_eq!((whole.recovery, whole.events.len()), (Some(Recovery::Complete), 0));
        for other in [joined("e", 6, None, &[]), joined("f", 5, None, &[])] {
            let arrival = arrive(&mut at("e", 5), other);
            assert!(matches!(arrival.recovery, Some(Recovery::Gap(_))));
        }
    }

    #[test]
    fn a_repeated_event_is_not_new_and_an_event_without_a_number_is() {
        let mut position = at("e", 5).unwrap();
        assert!(!position.take(Some(5)) && position.take(Some(7)) && !position.take(Some(6)));
        assert!(position.take(None));
        position.acknowledge(9);
        position.acknowledge(2);
        assert!(!position.take(Some(9)) && position.take(Some(10)));
    }

    /// A room as the server keeps it, and a client that follows the protocol.
    struct Model {
        epoch: u32,
        seq: u64,
        kept: Vec<u64>,
        evicted: u64,
        /// Whether a client that joins receives what the room keeps.
        syncs: bool,
        /// The number after which the server has sent everything on this connection; `None` without a connection, or
        /// before a join.
        heard_from: Option<u64>,
        position: Option<Position>,
        shown: Vec<u64>,
    }

    #[derive(Debug, Clone)]
    enum Step {
        Event,
        /// An event that arrives twice, which no correct server sends.
        Repeat,
        Evict(usize),
        NewEpoch,
        Lost,
        /// The client rejoins, and whether the server adds it to the room by itself before it answers.
        Back(bool),
        /// The application joins again, or the server does so itself, on a live connection.
        JoinAnew,
    }

    impl Model {
        fn new(syncs: bool) -> Self {
            let mut model = Self {
                epoch: 0,
                seq: 0,
                kept: Vec::new(),
                evicted: 0,
                syncs,
                heard_from: None,
                position: None,
                shown: Vec::new(),
            };
            model.join(None);
            model
        }

        fn step(&mut self, step: Step) {
            match step {
                Step::Event => {
                    self.seq += 1;
                    self.kept.push(self.seq);
                    if self.heard_from.is_some() && self.take() {
                        self.shown.push(self.seq);
                    }
                }
                Step::Repeat if self.heard_from.is_some() && self.seq > 0 => assert!(!self.take()),
                Step::Evict(number) => {
                    for seq in self.kept.drain(..number.min(self.kept.len())) {
                        self.evicted = seq;
                    }
                }
                Step::NewEpoch if self.heard_from.is_none() => {
                    (self.epoch, self.seq, self.evicted) = (self.epoch + 1, 0, 0);
                    self.kept.clear();
                }
                Step::Lost => self.heard_from = None,
                Step::Back(server_subscriptions) if self.heard_from.is_none() => {
                    // The rejoin is already under way when the server adds the client.
                    let since = self.position.as_ref().map(Position::since);
                    if server_subscriptions {
                        self.join(None);
                    }
                    self.join(since);
                }
                Step::JoinAnew if self.heard_from.is_some() => self.join(None),
                _ => {}
            }
        }

        fn take(&mut self) -> bool {
            self.position
                .as_mut()
                .is_some_and(|position| position.take(Some(self.seq)))
        }

        /// Answers as the protocol page says a server does, and takes in the answer as an application does.
        fn join(&mut self, since: Option<LogPosition>) {
            let epoch = self.epoch.to_string();
            let was_present = self.heard_from.is_some();
            let recovered = since.as_ref().map(|since| {
                let from = self.heard_from.unwrap_or(self.evicted);
                since.epoch == epoch && (from..=self.seq).contains(&since.seq)
            });
            let events: Vec<u64> = match (recovered, &since) {
                (Some(true), _) if was_present => Vec::new(),
                (Some(true), Some(since)) => self.kept.iter().copied().filter(|seq| *seq > since.seq).collect(),
                _ if self.syncs => self.kept.clone(),
                _ => Vec::new(),
            };
            self.heard_from = Some(match (recovered, since) {
                (Some(true), Some(since)) if !was_present => since.seq,
                _ => self.seq,
            });
            let mut reply = joined(&epoch, self.seq, recovered, &events);
            let was_first = self.position.is_none();
            let arrival = Position::arrive(&mut self.position, &mut reply, was_present);
            let is_gap = matches!(arrival.recovery, Some(Recovery::Gap(_)));
            assert!(!(is_gap && was_present), "live events are not discarded");
            if is_gap {
                self.shown.clear();
            }
            self.shown.extend(numbers(&arrival));
            if is_gap || was_first {
                assert_eq!(self.shown, events, "everything that a first join gets");
            }
        }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => Just(Step::Event),
            1 => Just(Step::Repeat),
            1 => (0..4_usize).prop_map(Step::Evict),
            1 => Just(Step::NewEpoch),
            2 => Just(Step::Lost),
            3 => any::<bool>().prop_map(Step::Back),
            1 => Just(Step::JoinAnew),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        /// Each event arrives once and in order, or the client reports the gap and then delivers all that a first join
        /// gets. This holds whatever happens while the client is connected or away.
        #[test]
        fn each_event_arrives_once_and_in_order_or_a_gap_is_reported(syncs: bool, steps in steps()) {
            let mut model = Model::new(syncs);
            for step in steps.into_iter().chain([Step::Back(false)]) {
                model.step(step);
                // Since the last gap, or since the start, no event is missing and none comes twice.
                let shown = &model.shown;
                if let (Some(first), Some(last)) = (shown.first(), shown.last()) {
                    prop_assert_eq!(shown, &(*first..=*last).collect::<Vec<_>>());
                    if model.heard_from.is_some() {
                        prop_assert_eq!(*last, model.seq);
                    }
                }
            }
        }
    }
}
