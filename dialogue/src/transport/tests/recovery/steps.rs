//! The rooms and clients of the test, and the generated steps.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::room::SyncHistory;
use crate::transport::tests::model::{EVENTS, Subscriptions};

/// Each room, the events that it sends at a first join, and its size limit.
pub(super) const ROOMS: [(&str, SyncHistory, Option<usize>); 3] = [
    ("all", SyncHistory::All, None),
    ("one", SyncHistory::PerType(1), None),
    ("none", SyncHistory::Off, Some(2)),
];

/// How many bytes each client's network holds: either everything, or less than a frame.
pub(super) const PIPES: [usize; 3] = [1 << 20, 1 << 20, 32];

#[derive(Debug, Clone)]
pub(super) enum Step {
    Trigger(usize, usize),
    TriggerBy(usize, usize, usize),
    Join(usize, usize, Option<Subscriptions>, Claim),
    Leave(usize, usize),
    Subscribe(usize, usize, Option<usize>),
    Unsubscribe(usize, usize, usize),
    /// Reads at most this many more bytes, and disconnects.
    Cut(usize, usize),
    /// The same, but the server does not notice. The next connection presents `resume`.
    TakeOver(usize, usize),
    Read(usize),
    /// The application drops the events that a room keeps.
    Clear(usize),
    /// Deletes a room, or creates it again.
    Toggle(usize),
    /// From now on, `before_join` refuses or admits every client.
    Deny(bool),
    /// A client's trigger of an event with history meets a store that fails.
    FailBy(usize, usize, usize, StoreFault),
    /// The same for a trigger of the server.
    Fail(usize, usize, StoreFault),
    /// A deletion or creation of a room meets a store that fails. The server repeats it, perhaps only after the process has
    /// ended and started again.
    FailToggle(usize, StoreFault, Option<Ending>),
    /// The process ends, and starts again.
    Restart(Ending),
    /// A trigger with a key, and its repetition.
    Keyed(Keyed),
    /// A page of an event before a number.
    Page(usize, usize, usize, Index, usize),
    /// The store's retention no longer keeps a room's events up to this number.
    Expire(usize, Index),
}

/// What a store does to an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum StoreFault {
    Refuses,
    /// It does not say that it has not stored the event.
    Loses,
    /// It does not say that it has stored the event.
    Hides,
}

/// A trigger with a key, which the client repeats in any case.
#[derive(Debug, Clone)]
pub(super) struct Keyed {
    pub(super) client: usize,
    pub(super) room: usize,
    pub(super) event: usize,
    /// What the store does to the first attempt.
    pub(super) fault: Option<StoreFault>,
    pub(super) between: Between,
    /// Whether the client joins the room again before it repeats the trigger.
    pub(super) rejoins: bool,
}

/// What happens before a trigger is repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Between {
    Nothing,
    /// The client has another connection.
    Reconnect,
    /// The process ends before the store has recovered, and starts again. The client connects again.
    Restart(Ending),
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ending {
    /// It stops in order.
    Stop,
    /// It is killed.
    Kill,
    /// It is killed, and the operating system starts again. Events may be lost then, so epochs are no longer valid.
    Reboot,
}

/// A step with a store: as every step, and its faults and restarts.
pub(super) fn step_with_store() -> impl Strategy<Value = Step> {
    let (client, room, kept) = (0..PIPES.len(), 0..ROOMS.len(), 0..2_usize);
    let fault = prop::sample::select(vec![StoreFault::Refuses, StoreFault::Loses, StoreFault::Hides]);
    let ending = prop::sample::select(vec![Ending::Stop, Ending::Kill, Ending::Kill, Ending::Reboot]);
    let between = prop_oneof![
        1 => Just(Between::Nothing),
        1 => Just(Between::Reconnect),
        2 => ending.clone().prop_map(Between::Restart),
    ];
    let keyed = (
        client.clone(),
        room.clone(),
        kept.clone(),
        prop::option::of(fault.clone()),
        between,
        any::<bool>(),
    );
    prop_oneof![
        24 => step(),
        4 => keyed.prop_map(Keyed::of).prop_map(Step::Keyed),
        2 => (client, room.clone(), kept.clone(), fault.clone()).prop_map(|(c, r, e, fault)| Step::FailBy(c, r, e, fault)),
        2 => (room.clone(), kept, fault.clone()).prop_map(|(room, event, fault)| Step::Fail(room, event, fault)),
        1 => (room.clone(), fault.clone(), prop::option::of(ending.clone()))
            .prop_map(|(room, fault, ending)| Step::FailToggle(room, fault, ending)),
        1 => ending.prop_map(Step::Restart),
        1 => (room, any::<Index>()).prop_map(|(room, through)| Step::Expire(room, through)),
    ]
}

impl Keyed {
    fn of(
        (client, room, event, fault, between, rejoins): (usize, usize, usize, Option<StoreFault>, Between, bool),
    ) -> Self {
        Self {
            client,
            room,
            event,
            fault,
            between,
            rejoins,
        }
    }
}

/// The position that a client claims.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    Nothing,
    Truth,
    /// A position before that.
    Earlier(Index),
    AnotherEpoch,
    AboveTheTop,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let (client, room, event) = (0..PIPES.len(), 0..ROOMS.len(), 0..EVENTS.len());
    let bytes = || prop_oneof![0..40usize, 0..600usize, Just(usize::MAX / 2)];
    let names = || prop::collection::btree_set(prop::sample::select(vec!["scarce", "plenty", "fleeting"]), 0..4);
    let subscriptions = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Subscriptions::Everything)),
        2 => names().prop_map(|names| Some(Subscriptions::Named(names))),
    ];
    let claim = prop_oneof![
        2 => Just(Claim::Nothing),
        6 => Just(Claim::Truth),
        2 => any::<Index>().prop_map(Claim::Earlier),
        1 => Just(Claim::AnotherEpoch),
        1 => Just(Claim::AboveTheTop),
    ];
    let some_event = prop::option::of(event.clone());
    let between = prop::sample::select(vec![Between::Nothing, Between::Reconnect]);
    let keyed = (
        client.clone(),
        room.clone(),
        0..2_usize,
        Just(None),
        between,
        any::<bool>(),
    );
    let page = (client.clone(), room.clone(), event.clone(), any::<Index>(), 1..4_usize);
    prop_oneof![
        8 => (room.clone(), event.clone()).prop_map(|(room, event)| Step::Trigger(room, event)),
        4 => (client.clone(), room.clone(), event.clone()).prop_map(|(c, r, e)| Step::TriggerBy(c, r, e)),
        8 => (client.clone(), room.clone(), subscriptions, claim).prop_map(|(c, r, s, claim)| Step::Join(c, r, s, claim)),
        1 => (client.clone(), room.clone()).prop_map(|(client, room)| Step::Leave(client, room)),
        1 => (client.clone(), room.clone(), some_event).prop_map(|(c, r, e)| Step::Subscribe(c, r, e)),
        1 => (client.clone(), room.clone(), event).prop_map(|(c, r, e)| Step::Unsubscribe(c, r, e)),
        3 => (client.clone(), bytes()).prop_map(|(client, bytes)| Step::Cut(client, bytes)),
        1 => (client.clone(), bytes()).prop_map(|(client, bytes)| Step::TakeOver(client, bytes)),
        2 => client.prop_map(Step::Read),
        1 => keyed.prop_map(Keyed::of).prop_map(Step::Keyed),
        2 => page.prop_map(|(client, room, event, before, limit)| Step::Page(client, room, event, before, limit)),
        1 => room.clone().prop_map(Step::Clear),
        1 => room.prop_map(Step::Toggle),
        1 => prop::bool::weighted(0.3).prop_map(Step::Deny),
    ]
}
