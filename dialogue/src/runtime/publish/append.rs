//! The second step of publishing with a store: an admitted event is handed over to it, and its trigger waits for the outcome.
//! If several nodes share the store, so is an event without history: the store passes it on to all of them.
//!
//! The store numbers the event, and accepts it by storing it. From the hand-over on, nothing that happens to the trigger
//! changes what happens to the event, but for its deadline: an event that still waits then is withdrawn.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::admit::{self, Admitted};
use super::conclude::{HandedOver, OnItsWay, Outcome};
use super::draft::Rejected;
use super::sequence::check;
use crate::cluster::{Published, Volatile};
use crate::connection::ClientState;
use crate::delivery::Delivery;
use crate::log::durable::{Append, Appended, Ticket};
use crate::protocol::EventHead;
use crate::room::RoomCell;
use crate::runtime::continuity::idempotency::Receipt;
use crate::runtime::core::Core;
use crate::runtime::deadline::timed_out;
use crate::runtime::history::keep::room_key;
use crate::runtime::history::load::ensure_loaded;
use crate::runtime::observe::emit::Observe;
use crate::serial::spawn_job;
use crate::store_failure::StoreFailure;

/// Hands an event over to the store, and waits until it has been applied here or is rejected. `limit` is how many of its
/// type are kept in memory; `None` for an event without history, in a cluster.
///
/// Safe to drop: the event is handed over, with everything that belongs to it, or not.
pub(super) async fn append(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    admitted: Admitted,
    receipt: Option<&Receipt>,
    limit: Option<usize>,
) -> Result<Delivery, Rejected> {
    ensure_loaded(core, room).await.map_err(Rejected::NotAccepted)?;
    let deadline = Instant::now() + core.limits.append_deadline;
    let (waiting, mut answer) = hand_over(core, room, sender, admitted, receipt, limit, deadline)?;
    let answered = timeout_at(deadline, &mut answer).await;
    match answered {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Rejected::Unknown(lost())),
        Err(_) => {
            let failure = timed_out(core.limits.append_deadline);
            match waiting.append.withdraw(&core.observe, failure.clone()) {
                // This node delivers it now.
                true if limit.is_none() => answer.await.unwrap_or_else(|_| Err(Rejected::Unknown(lost()))),
                true => Err(Rejected::NotAccepted(failure)),
                false => Err(Rejected::Unknown(failure)),
            }
        }
    }
}

/// Waits until no event of the sender is on its way in this room: an event without history must not overtake it. Does not wait
/// for an event whose outcome is unknown: that may take as long as the store fails.
pub(super) async fn earlier_of(
    core: &Core,
    room: &RoomCell,
    sender: Option<&Arc<ClientState>>,
) -> Result<(), Rejected> {
    let Some(sender) = sender else {
        return Ok(());
    };
    loop {
        let progressed = room.applying().progressed();
        let Some(deadline) = room.lock().appends.deadline(sender.key) else {
            return Ok(());
        };
        if deadline <= Instant::now() || timeout_at(deadline, progressed).await.is_err() {
            return Err(Rejected::NotAccepted(timed_out(core.limits.append_deadline)));
        }
    }
}

/// An event that the store has, and that waits for its outcome.
type Answer = oneshot::Receiver<Result<Delivery, Rejected>>;

/// Hands an event over to the store.
fn hand_over(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    admitted: Admitted,
    receipt: Option<&Receipt>,
    limit: Option<usize>,
    deadline: Instant,
) -> Result<(Waiting, Answer), Rejected> {
    let Admitted {
        message,
        depth,
        changed_by,
        ..
    } = admitted;
    let prepared = EventHead::of(&message).prepare();
    if let Err(exceeded) = core.limits.check_event(prepared.len()) {
        let sender = sender.map(Arc::as_ref);
        return Err(admit::too_large(core, sender, &message, changed_by, exceeded));
    }
    let Some(store) = core.store_to_change() else {
        return Err(Rejected::Stopped);
    };
    let (event, from) = (message.event.clone(), message.from.clone());
    let (sender_of_answer, answer) = oneshot::channel();
    let ticket = Arc::<Ticket>::default();
    let mut state = room.lock();
    check(core, room, &state, sender.map(Arc::as_ref))?;
    let hold = receipt.map(|receipt| core.continuity.keys.hold(receipt));
    let append_key = hold.as_ref().map(|hold| hold.append_key());
    let pending = Arc::new(PendingAppend {
        ticket: Arc::clone(&ticket),
        has_history: limit.is_some(),
        handed_over: Mutex::new(Some(HandedOver {
            core: Arc::clone(core),
            on_its_way: OnItsWay::begin(room, &mut state, sender, deadline),
            message,
            depth,
            limit,
            hold,
            answer: sender_of_answer,
            ticket: Arc::clone(&ticket),
            stays: core.lifecycle.changes.token(),
        })),
    });
    let of_store = Arc::clone(&pending);
    // Under the room's lock: when the server has stopped, every event that it has accepted is in the store.
    match &core.cluster {
        Some(cluster) if limit.is_none() => cluster.publish(Volatile {
            room: room_key(room),
            event,
            from,
            frame: prepared.finish(None),
            ticket,
            done: Box::new(move |published| of_store.settle(Outcome::Published(published))),
        }),
        _ => store.append(Append {
            room: room_key(room),
            event,
            from,
            prepared,
            key: append_key,
            keep: core.history.window(limit.unwrap_or_default()),
            ticket,
            done: Box::new(move |appended| of_store.settle(Outcome::Appended(appended))),
        }),
    }
    drop(state);
    let waiting = Waiting {
        append: pending,
        core: Arc::downgrade(core),
        deadline,
    };
    Ok((waiting, answer))
}

/// An event that the store has. Its outcome is applied once, whoever knows it first.
pub(super) struct PendingAppend {
    ticket: Arc<Ticket>,
    has_history: bool,
    handed_over: Mutex<Option<HandedOver>>,
}

impl PendingAppend {
    /// The outcome is known. Never waits: the store calls this on its own thread.
    fn settle(&self, outcome: Outcome) {
        let handed_over = self.handed_over.lock().take();
        if let Some(handed_over) = handed_over {
            handed_over.settle(outcome);
        }
    }

    /// Withdraws the event. Returns false if the store has begun to store it: its outcome is unknown then.
    fn withdraw(&self, observe: &Observe, failure: StoreFailure) -> bool {
        let is_withdrawn = self.ticket.withdraw();
        if is_withdrawn {
            self.settle(match self.has_history {
                true => Outcome::Appended(Appended::Refused(failure)),
                false => Outcome::Published(Published::NotSent(failure)),
            });
        } else if self.ticket.note_unknown() {
            observe.store_unknown();
        }
        is_withdrawn
    }

    fn is_settled(&self) -> bool {
        self.handed_over.lock().is_none()
    }
}

/// The store must answer. If it does not, the outcome is unknown.
impl Drop for PendingAppend {
    fn drop(&mut self) {
        self.settle(match self.has_history {
            true => Outcome::Appended(Appended::Unknown(lost())),
            false => Outcome::Published(Published::Unknown(lost())),
        });
    }
}

/// A trigger that waits for its outcome. If it is dropped, the event is still withdrawn at its deadline.
struct Waiting {
    append: Arc<PendingAppend>,
    core: Weak<Core>,
    deadline: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.append.is_settled() || self.deadline <= Instant::now() {
            return;
        }
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let (append, server, deadline) = (Arc::clone(&self.append), Weak::clone(&self.core), self.deadline);
        spawn_job(&core.lifecycle.background, move || async move {
            sleep_until(deadline).await;
            // An event that the store still has keeps its server.
            if let Some(core) = server.upgrade()
                && !append.is_settled()
            {
                append.withdraw(&core.observe, timed_out(core.limits.append_deadline));
            }
        });
    }
}

fn lost() -> StoreFailure {
    StoreFailure::Failed {
        reason: "it did not answer".to_owned(),
    }
}
