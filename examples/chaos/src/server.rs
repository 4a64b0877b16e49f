//! The server under test: ordinary rooms, and hooks that fail, panic and hang at random.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dialogue::prelude::*;
use dialogue::{Limits, silent_logger};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::dice::Dice;
use crate::ledger::{Incarnation, Ledger};

/// The message of deliberate panics, which do not count as panics of the server.
pub const DELIBERATE: &str = "deliberate";

/// A line. The room keeps enough lines for a client that is away for a few seconds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 300)]
pub struct Line {
    text: String,
}

/// A price. The room keeps so few prices that a client that was away receives a gap.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 5)]
pub struct Price {
    cents: u64,
}

/// A pointer's position. The room keeps none.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct Pointer {
    x: u64,
}

rooms! {
    /// The rooms of this server.
    pub Rooms;

    /// A room that may be deleted at any moment.
    pub Hall { number: u64 } = "hall-{number}" {
        name: "Hall",
        events: [Line, Price, Pointer],
        max_size: 60,
        sync_history_on_join: 3,
    }
}

/// The faults of the hooks, until they end.
pub struct Trouble {
    /// Set when the faults must end, so that clients can receive the events that they are still due.
    calm: AtomicBool,
    dice: Mutex<Dice>,
    ledger: Arc<Ledger>,
}

impl Trouble {
    pub fn new(seed: u64, ledger: Arc<Ledger>) -> Self {
        Self {
            calm: AtomicBool::new(false),
            dice: Mutex::new(Dice::new(seed, u64::MAX)),
            ledger,
        }
    }

    pub fn end(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// The first step of every hook: in one of `cases` runs it panics, hangs or refuses.
    async fn strike(&self, cases: u64) -> Result<(), HookError> {
        let fault = {
            let mut dice = self.dice.lock();
            (!self.has_ended() && dice.one_in(cases)).then(|| dice.below(4))
        };
        if fault.is_some() {
            self.ledger.hooks_failed.add(1);
        }
        match fault {
            None => Ok(()),
            Some(0) => panic!("{DELIBERATE}"),
            Some(1) => std::future::pending().await,
            Some(_) => refuse("a refusal"),
        }
    }
}

fn incarnation(room: &RoomHandle) -> Incarnation {
    (room.id().to_string(), room.epoch())
}

/// Builds the server.
pub fn build(trouble: &Arc<Trouble>, ledger: &Arc<Ledger>) -> Result<Dialogue, dialogue::BuildError> {
    let trouble = || Arc::clone(trouble);
    let ledger = || Arc::clone(ledger);
    let strike = |trouble: Arc<Trouble>, cases| async move { trouble.strike(cases).await };
    let (t, told) = (trouble(), ledger());
    let on_joined = move |client: Client, room: RoomHandle, _| {
        told.joined(client.id(), incarnation(&room));
        if room.max_size().is_some_and(|max_size| room.here().size() > max_size) {
            told.over_capacity.add(1);
        }
        strike(Arc::clone(&t), 20)
    };
    let (t, told) = (trouble(), ledger());
    let on_left = move |client: Client, room: RoomHandle, _| {
        told.left(client.id(), incarnation(&room));
        strike(Arc::clone(&t), 20)
    };
    let t = trouble();
    let authenticate = move |_| {
        let trouble = Arc::clone(&t);
        async move { trouble.strike(50).await.map(|()| Identity::anonymous()) }
    };
    let t = trouble();
    let before_each = move |mut message: EventMessage, room: RoomHandle| {
        let trouble = Arc::clone(&t);
        async move {
            trouble.strike(500).await?;
            // Tells `after_each` which incarnation of the room the number belongs to.
            let meta = message.meta.get_or_insert_default();
            meta.insert("epoch".to_owned(), room.epoch().into());
            Ok(message)
        }
    };
    let told = ledger();
    let after_each = move |message: &EventMessage, delivery: &dialogue::Delivery| {
        let epoch = message
            .meta
            .as_ref()
            .and_then(|meta| meta.get("epoch"))
            .and_then(|epoch| epoch.as_str());
        if let (Some(epoch), Some(seq)) = (epoch, delivery.seq) {
            told.numbered((message.room_id.to_string(), epoch.to_owned()), seq, &message.event);
        }
    };
    let (joins, connects, disconnects, triggers, evicts) = (trouble(), trouble(), trouble(), trouble(), trouble());
    Dialogue::builder()
        .rooms::<Rooms>()
        .logger(silent_logger())
        // Small limits, so that much exceeds them within a minute.
        .limits(
            Limits::default()
                .with_hook_deadline(Duration::from_millis(500))
                .with_write_deadline(Duration::from_secs(1))
                .with_queue_frames(300)
                .with_drain_deadline(Duration::from_secs(20)),
        )
        .authenticate(authenticate)
        .before_join(move |_, _| strike(Arc::clone(&joins), 20))
        .before_each(before_each)
        .after_each(after_each)
        .on_connected(move |_| strike(Arc::clone(&connects), 20))
        .on_disconnected(move |_, _| strike(Arc::clone(&disconnects), 20))
        .on_joined(on_joined)
        .on_left(on_left)
        .on_triggered(move |_, _| strike(Arc::clone(&triggers), 200))
        .on_history_evicted(move |_| strike(Arc::clone(&evicts), 50))
        .build()
}

/// Triggers `rate` events per second in random rooms until the faults end, then waits for all of them.
pub async fn trigger(dialogue: Dialogue, trouble: Arc<Trouble>, rooms: u64, rate: u64, mut dice: Dice) {
    const TICKS_A_SECOND: u64 = 100;
    let mut ticks = interval(Duration::from_millis(1000 / TICKS_A_SECOND));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = JoinSet::new();
    let mut due = 0;
    while !trouble.has_ended() {
        ticks.tick().await;
        due += rate;
        while due >= TICKS_A_SECOND {
            due -= TICKS_A_SECOND;
            let hall = Hall {
                number: dice.below(rooms),
            };
            let triggered = match dice.below(10) {
                0 => dialogue.trigger(
                    hall,
                    Price {
                        cents: dice.below(1000),
                    },
                ),
                1 => dialogue.trigger(hall, Pointer { x: dice.below(1000) }),
                _ => {
                    // Some lines are large, so that the server notices a reader that stalls.
                    let longest = if dice.one_in(10) { 8_000 } else { 400 };
                    let text = "x".repeat(dice.below(longest) as usize);
                    dialogue.trigger(hall, Line { text })
                }
            };
            under_way.spawn(triggered);
        }
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

/// Repeatedly deletes a room and creates it again. At the end, all rooms exist.
pub async fn rebuild(
    dialogue: Dialogue,
    trouble: Arc<Trouble>,
    ledger: Arc<Ledger>,
    rooms: u64,
    mut dice: Dice,
) -> Result<(), dialogue::calls::CreateRoomError> {
    for number in 0..rooms {
        dialogue.create_room(Hall { number }).await?;
    }
    while !trouble.has_ended() {
        sleep(Duration::from_millis(200 + dice.below(800))).await;
        let number = dice.below(rooms);
        if dialogue.delete_room(Hall { number }).await.expect("a deletion") {
            ledger.rooms_deleted.add(1);
        }
        if dice.one_in(2) {
            sleep(Duration::from_millis(dice.below(300))).await;
        }
        dialogue.create_room(Hall { number }).await?;
    }
    Ok(())
}
