//! Where a client is in a room: what is new, what came before, and whether something was missed. Pure.

use super::events::{Gap, Recovery};
use crate::event::EventMessage;
use crate::protocol::{JoinedRoom, LogPosition};

/// The incarnation of a room, and the highest number in it that the client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    epoch: String,
    seq: u64,
}

/// What a `joined` comes to.
#[derive(Debug, PartialEq)]
pub(super) struct Arrival {
    /// What came of a room in which the client has been before; `None` at the first join.
    pub(super) recovery: Option<Recovery>,
    /// The events to hand on, behind that.
    pub(super) events: Vec<EventMessage>,
}

impl Position {
    /// What the next `join` says.
    pub(super) fn since(&self) -> LogPosition {
        LogPosition {
            epoch: self.epoch.clone(),
            seq: self.seq,
        }
    }

    /// The room's incarnation.
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Takes a live event in; returns whether it is new. One without a number always is: it is sent once.
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

    /// Notes that something up to here may have been missed: the next `joined` is not taken for all that came since.
    pub(super) fn invalidate(&mut self) {
        // That of no room.
        self.epoch.clear();
    }

    /// Notes the number in an `ok`: all that is due up to it has come.
    pub(super) fn acknowledge(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// Takes a `joined` in, where `position` is where the client was. The events are taken out of it. `was_present` is whether the
    /// client was in the room on this connection already: then whatever it was due up to there has come.
    pub(super) fn arrive(position: &mut Option<Self>, joined: &mut JoinedRoom, was_present: bool) -> Arrival {
        let mut events = std::mem::take(&mut joined.events);
        let recovery = position
            .as_ref()
            .and_then(|before| before.recovery(joined, was_present, &mut events));
        // A server's list is in order and has each once; one that is not is none of ours to pass on so.
        let mut highest = None;
        events.retain(|event| match event.seq {
            Some(seq) if highest.is_some_and(|highest| seq <= highest) => false,
            Some(seq) => {
                highest = Some(seq);
                true
            }
            None => true,
        });
        *position = Some(Self {
            epoch: joined.epoch.clone(),
            seq: joined.seq.max(highest.unwrap_or(0)),
        });
        Arrival { recovery, events }
    }

    /// What came of the room since, and what of the `events` is to be handed on behind that.
    fn recovery(&self, joined: &JoinedRoom, was_present: bool, events: &mut Vec<EventMessage>) -> Option<Recovery> {
        let same_epoch = self.epoch == joined.epoch;
        if was_present && same_epoch {
            events.clear();
            return None;
        }
        // A join that the server made by itself is not asked where the client was; if nothing has happened since, nothing is
        // missed.
        let is_whole = joined.recovered.unwrap_or(self.seq == joined.seq);
        if is_whole && same_epoch {
            // Whatever the server says, what was seen is not shown again.
            events.retain(|event| event.seq.is_none_or(|seq| seq > self.seq));
            return Some(Recovery::Complete);
        }
        // What was seen is thrown away, so that all of it is to be shown.
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

    /// Arrives where the client was not on this connection.
    fn arrive(position: &mut Option<Position>, mut joined: JoinedRoom) -> Arrival {
        Position::arrive(position, &mut joined, false)
    }

    fn numbers(arrival: &Arrival) -> Vec<u64> {
        arrival.events.iter().filter_map(|event| event.seq).collect()
    }

    #[test]
    fn a_first_join_takes_the_rooms_number_over_and_recovers_nothing() {
        let mut position = None;
        let arrival = arrive(&mut position, joined("e", 9, None, &[3, 7]));
        assert_eq!((arrival.recovery, numbers(&arrival)), (None, vec![3, 7]));
        assert_eq!(position, at("e", 9));
    }

    #[test]
    fn a_recovery_hands_on_what_is_new() {
        let mut position = at("e", 5);
        let arrival = arrive(&mut position, joined("e", 9, Some(true), &[4, 5, 6, 8]));
        assert_eq!(arrival.recovery, Some(Recovery::Complete));
        assert_eq!(numbers(&arrival), [6, 8]);
        assert_eq!(position, at("e", 9));
    }

    #[test]
    fn a_gap_is_told_and_what_was_seen_is_shown_again_behind_it() {
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
    fn numbers_of_another_epoch_are_all_new_and_behind_a_gap_whatever_the_server_says() {
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
    fn who_is_in_the_room_already_misses_nothing_by_joining_it_anew() {
        for recovered in [None, Some(false), Some(true)] {
            let mut position = at("e", 5);
            let arrival = Position::arrive(&mut position, &mut joined("e", 9, recovered, &[4, 5, 8]), true);
            assert_eq!((arrival.recovery, arrival.events.len()), (None, 0));
            assert_eq!(position, at("e", 9));
        }
    }

    #[test]
    fn a_join_that_was_not_asked_for_misses_nothing_only_where_nothing_has_happened() {
        let whole = arrive(&mut at("e", 5), joined("e", 5, None, &[4, 5]));
        assert_eq!((whole.recovery, whole.events.len()), (Some(Recovery::Complete), 0));
        for other in [joined("e", 6, None, &[]), joined("f", 5, None, &[])] {
            let arrival = arrive(&mut at("e", 5), other);
            assert!(matches!(arrival.recovery, Some(Recovery::Gap(_))));
        }
    }

    #[test]
    fn an_event_that_came_before_is_not_new_and_one_without_a_number_is() {
        let mut position = at("e", 5).unwrap();
        assert!(!position.take(Some(5)) && position.take(Some(7)) && !position.take(Some(6)));
        assert!(position.take(None));
        position.acknowledge(9);
        position.acknowledge(2);
        assert!(!position.take(Some(9)) && position.take(Some(10)));
    }

    /// A room as the server keeps it, and a client that does as it is told.
    struct Model {
        epoch: u32,
        seq: u64,
        kept: Vec<u64>,
        evicted: u64,
        /// Whether newcomers are sent what the room keeps.
        syncs: bool,
        /// From where on the server has sent everything on this connection; `None` without one, or before a join.
        heard_from: Option<u64>,
        position: Option<Position>,
        shown: Vec<u64>,
    }

    #[derive(Debug, Clone)]
    enum Step {
        Event,
        /// Comes twice, as no server should have it.
        Repeat,
        Evict(usize),
        NewEpoch,
        Lost,
        /// The client's way back, and whether the server takes it into the room by itself before that is answered.
        Back(bool),
        /// The application joins, or the server does by itself, on a live connection.
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
                    // It is on its way when the server does so.
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

        /// Answers as a server does, by the page on the protocol, and takes the answer in as an application does.
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
            assert!(!(is_gap && was_present), "what is heard is not thrown away");
            if is_gap {
                self.shown.clear();
            }
            self.shown.extend(numbers(&arrival));
            if is_gap || was_first {
                assert_eq!(self.shown, events, "all that a first join gets");
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
        /// Each event once and in order, or told of the gap and behind it all that a first join gets: whatever happens while
        /// the client is there or away.
        #[test]
        fn each_event_comes_once_and_in_order_or_the_gap_is_told(syncs: bool, steps in steps()) {
            let mut model = Model::new(syncs);
            for step in steps.into_iter().chain([Step::Back(false)]) {
                model.step(step);
                // Since the last gap, or the beginning, nothing is left out and nothing comes twice.
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
