//! Where a client is in a room: what is new, what came before, and whether something was missed. Pure.

use super::events::{Gap, Recovery};
use crate::event::EventMessage;
use crate::protocol::{JoinedRoom, Since};

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
    pub(super) fn since(&self) -> Since {
        Since {
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

    /// Notes the number in an `ok`: all that is due up to it has come.
    pub(super) fn seen(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// Takes a `joined` in, where `position` is where the client was. The events are taken out of it.
    pub(super) fn arrive(position: &mut Option<Self>, joined: &mut JoinedRoom) -> Arrival {
        let mut events = std::mem::take(&mut joined.events);
        let recovery = position.as_ref().map(|before| {
            let same = before.epoch == joined.epoch;
            if same {
                // Whatever the server says, what was seen is not shown again.
                events.retain(|event| event.seq.is_none_or(|seq| seq > before.seq));
            }
            // A join that the server made by itself is not asked where the client was; if nothing has happened since,
            // nothing is missed.
            let whole = joined.recovered.unwrap_or(same && before.seq == joined.seq);
            if whole {
                Recovery::Complete
            } else {
                Recovery::Gap(Gap {
                    last_seen: before.seq,
                    same_epoch: same,
                })
            }
        });
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::protocol::Subscriptions;

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
            subscriptions: Subscriptions::default(),
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

    fn numbers(arrival: &Arrival) -> Vec<u64> {
        arrival.events.iter().filter_map(|event| event.seq).collect()
    }

    #[test]
    fn a_first_join_takes_the_rooms_number_over_and_recovers_nothing() {
        let mut position = None;
        let arrival = Position::arrive(&mut position, &mut joined("e", 9, None, &[3, 7]));
        assert_eq!((arrival.recovery, numbers(&arrival)), (None, vec![3, 7]));
        assert_eq!(position, at("e", 9));
    }

    #[test]
    fn a_recovery_hands_on_what_is_new() {
        let mut position = at("e", 5);
        let arrival = Position::arrive(&mut position, &mut joined("e", 9, Some(true), &[4, 5, 6, 8]));
        assert_eq!(arrival.recovery, Some(Recovery::Complete));
        assert_eq!(numbers(&arrival), [6, 8]);
        assert_eq!(position, at("e", 9));
    }

    #[test]
    fn a_gap_is_told_and_what_was_seen_of_the_same_epoch_is_not_shown_again() {
        let mut position = at("e", 5);
        let arrival = Position::arrive(&mut position, &mut joined("e", 90, Some(false), &[5, 89, 90]));
        let gap = Gap {
            last_seen: 5,
            same_epoch: true,
        };
        assert_eq!(arrival.recovery, Some(Recovery::Gap(gap)));
        assert_eq!(numbers(&arrival), [89, 90]);
    }

    #[test]
    fn numbers_of_another_epoch_are_all_new() {
        let mut position = at("e", 5);
        let arrival = Position::arrive(&mut position, &mut joined("f", 2, Some(false), &[1, 2]));
        assert_eq!(numbers(&arrival), [1, 2]);
        assert_eq!(position, at("f", 2));
    }

    #[test]
    fn a_join_that_was_not_asked_for_misses_nothing_only_where_nothing_has_happened() {
        let whole = Position::arrive(&mut at("e", 5), &mut joined("e", 5, None, &[4, 5]));
        assert_eq!((whole.recovery, whole.events.len()), (Some(Recovery::Complete), 0));
        for other in [joined("e", 6, None, &[]), joined("f", 5, None, &[])] {
            let mut other = other;
            let arrival = Position::arrive(&mut at("e", 5), &mut other);
            assert!(matches!(arrival.recovery, Some(Recovery::Gap(_))));
        }
    }

    #[test]
    fn an_event_that_came_before_is_not_new_and_one_without_a_number_is() {
        let mut position = at("e", 5).unwrap();
        assert!(!position.take(Some(5)) && position.take(Some(7)) && !position.take(Some(6)));
        assert!(position.take(None));
        position.seen(9);
        position.seen(2);
        assert!(!position.take(Some(9)) && position.take(Some(10)));
    }

    /// A room as the server keeps it, so far as a client can tell.
    struct Room {
        epoch: u32,
        seq: u64,
        kept: Vec<u64>,
        evicted: u64,
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// Something happens; `true` if the client hears of it, being connected.
        Event(bool),
        /// Comes twice, as no server should have it.
        Repeat,
        Evict(usize),
        NewEpoch,
        Rejoin,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => any::<bool>().prop_map(Step::Event),
            1 => Just(Step::Repeat),
            1 => (0..4_usize).prop_map(Step::Evict),
            1 => Just(Step::NewEpoch),
            3 => Just(Step::Rejoin),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        /// Each event once and in order, or told of the gap: whatever happens while the client is there or away.
        #[test]
        fn each_event_comes_once_and_in_order_or_the_gap_is_told(steps in steps()) {
            let mut room = Room { epoch: 0, seq: 0, kept: Vec::new(), evicted: 0 };
            let mut position = None;
            Position::arrive(&mut position, &mut joined("0", 0, None, &[]));
            // Connected: nothing is missed until an event happens unheard.
            let mut connected = true;
            let mut shown: Vec<u64> = Vec::new();
            for step in steps.into_iter().chain([Step::Rejoin]) {
                match step {
                    Step::Event(heard) => {
                        room.seq += 1;
                        room.kept.push(room.seq);
                        connected &= heard;
                        if connected && position.as_mut().unwrap().take(Some(room.seq)) {
                            shown.push(room.seq);
                        }
                    }
                    Step::Repeat => {
                        if connected && room.seq > 0 {
                            prop_assert!(!position.as_mut().unwrap().take(Some(room.seq)));
                        }
                    }
                    Step::Evict(number) => {
                        for seq in room.kept.drain(..number.min(room.kept.len())) {
                            room.evicted = seq;
                        }
                    }
                    Step::NewEpoch => {
                        room = Room { epoch: room.epoch + 1, seq: 0, kept: Vec::new(), evicted: 0 };
                        connected = false;
                    }
                    Step::Rejoin => {
                        let since = position.as_ref().unwrap().since();
                        let epoch = room.epoch.to_string();
                        let recovered = since.epoch == epoch && since.seq >= room.evicted && since.seq <= room.seq;
                        let events: Vec<u64> = room.kept.iter().copied().filter(|seq| !recovered || *seq > since.seq).collect();
                        let mut reply = joined(&epoch, room.seq, Some(recovered), &events);
                        let arrival = Position::arrive(&mut position, &mut reply);
                        if matches!(arrival.recovery, Some(Recovery::Gap(_))) {
                            // What was shown is thrown away; from here on it is whole again.
                            shown.clear();
                            shown.extend(numbers(&arrival));
                        } else {
                            shown.extend(numbers(&arrival));
                            // Since the last gap, or the beginning, nothing is left out.
                            let first = shown.first().copied().unwrap_or(room.seq + 1);
                            prop_assert_eq!(&shown, &(first..=room.seq).collect::<Vec<_>>());
                        }
                        connected = true;
                    }
                }
                prop_assert!(shown.is_sorted_by(|a, b| a < b), "{:?}", shown);
            }
        }
    }
}
