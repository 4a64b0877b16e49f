//! What follows from the outcome of an event that was handed over to a store: it is applied or rejected, its key stays or is
//! free, its hooks run, and its trigger gets an answer. Whether the trigger still waits makes no difference.

use std::sync::{Arc, Weak};

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::after::call_hooks;
use super::apply::{apply_at, offer_at};
use super::apply_queue::apply_in_epoch;
use super::draft::Rejected;
use crate::cluster::Published;
use crate::connection::ClientState;
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::log::StoredEvent;
use crate::log::durable::{Appended, KeyOutcome, Ticket};
use crate::protocol::{EventFrame, EventHead};
use crate::room::{LogPlace, RoomCell, ServedRoomState};
use crate::runtime::continuity::idempotency::KeyHold;
use crate::runtime::core::Core;
use crate::runtime::history::keep::room_key;
use crate::runtime::membership::delete_at_once::end_deleted;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::store_failure::StoreFailure;

/// An event that a store has, with everything that is needed once its outcome is known.
pub(super) struct HandedOver {
    pub(super) core: Arc<Core>,
    pub(super) on_its_way: OnItsWay,
    pub(super) message: EventMessage,
    /// How many hooks and handlers have led to the event.
    pub(super) depth: usize,
    /// How many events of its type are kept in memory. `None` for an event without history.
    pub(super) limit: Option<usize>,
    pub(super) hold: Option<KeyHold>,
    pub(super) answer: oneshot::Sender<Result<Delivery, Rejected>>,
    pub(super) ticket: Arc<Ticket>,
    /// The graceful shutdown waits until this is dropped.
    pub(super) stays: TaskTrackerToken,
}

/// An event that is on its way through a store. The room stays meanwhile. Takes the room's lock when it is dropped.
pub(super) struct OnItsWay {
    room: Arc<RoomCell>,
    sender: Option<Arc<ClientState>>,
}

impl OnItsWay {
    /// `deadline` is when the outcome counts as unknown.
    pub(super) fn begin(
        room: &Arc<RoomCell>,
        state: &mut ServedRoomState,
        sender: Option<&Arc<ClientState>>,
        deadline: Instant,
    ) -> Self {
        state.record.begin_append();
        if let Some(sender) = sender {
            state.appends.begin(sender.key, deadline);
        }
        Self {
            room: Arc::clone(room),
            sender: sender.cloned(),
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut state = self.room.lock();
        state.record.end_append();
        if let Some(sender) = &self.sender {
            state.appends.end(sender.key);
        }
    }
}

/// What has become of an event that was handed over.
pub(super) enum Outcome {
    Appended(Appended),
    /// It has no history.
    Published(Published),
}

impl HandedOver {
    /// Queues what follows from the outcome. Never waits, and takes no lock of a room.
    pub(super) fn settle(self, outcome: Outcome) {
        let (place, epoch) = match &outcome {
            Outcome::Appended(Appended::Stored { seq, epoch, .. }) => (LogPlace::Event(*seq), epoch.clone()),
            Outcome::Appended(Appended::Repeated { seq }) => (LogPlace::After(*seq), None),
            // The feed has queued the event before, if it has brought it.
            _ => (LogPlace::Unnumbered, None),
        };
        let (core, room) = (Arc::clone(&self.core), Arc::clone(&self.on_its_way.room));
        apply_in_epoch(&core, &room, place, epoch, move |_, _| match outcome {
            Outcome::Appended(appended) => self.conclude(appended),
            Outcome::Published(published) => self.conclude_without_history(published),
        });
    }

    fn conclude(self, outcome: Appended) {
        match outcome {
            Appended::Stored { seq, epoch, frame } => self.apply(seq, epoch.as_ref(), &frame),
            Appended::Repeated { seq } => {
                let delivery = Delivery::new(0, Some(seq));
                self.hold.as_ref().inspect(|hold| hold.delivered(delivery));
                self.end(Ok(delivery));
            }
            Appended::Forgotten => self.end(Err(Rejected::Forgotten)),
            Appended::NoSuchRoom => {
                // If the room is still here, the store has deleted it without saying so.
                end_deleted(&self.core, &self.on_its_way.room);
                self.end(Err(Rejected::NoSuchRoom));
            }
            Appended::Refused(failure) => {
                self.core.observe.store_refused();
                self.log(&failure, false);
                self.end(Err(Rejected::NotAccepted(failure)));
            }
            Appended::Unknown(failure) => {
                // Otherwise, it was counted when its deadline had passed.
                if self.ticket.note_unknown() {
                    self.core.observe.store_unknown();
                }
                self.log(&failure, true);
                self.leave_unknown(failure);
            }
        }
    }

    fn conclude_without_history(self, outcome: Published) {
        match outcome {
            Published::Sent => self.pass_on(false),
            Published::NotSent(failure) => {
                self.core.observe.not_sent();
                log_line!(
                    DEBUG,
                    *self.core,
                    Involved::event(&self.message).sent_by(self.on_its_way.sender.as_deref()),
                    "",
                    { error = %failure, },
                    "an event without history reaches only this node"
                );
                self.pass_on(true);
            }
            Published::NoSuchRoom => {
                end_deleted(&self.core, &self.on_its_way.room);
                self.end(Err(Rejected::NoSuchRoom));
            }
            Published::Unknown(failure) => {
                if self.ticket.note_unknown() {
                    self.core.observe.store_unknown();
                }
                self.log(&failure, true);
                // Nobody will ever know: the key cannot be used again.
                self.hold.as_ref().inspect(|hold| hold.sequenced());
                self.end(Err(Rejected::Unknown(failure)));
            }
        }
    }

    /// What follows from an event without history that members have received, or receive now if `delivers`: it was not
    /// handed over then.
    fn pass_on(self, delivers: bool) {
        let Self {
            core,
            on_its_way,
            message,
            depth,
            hold,
            answer,
            stays,
            ..
        } = self;
        let (room, sender) = (&on_its_way.room, on_its_way.sender.as_ref());
        let (message, delivery) = {
            let state = room.lock();
            let outcome = if state.record.is_deleted() {
                (Arc::new(message), Delivery::new(0, None))
            } else if delivers {
                let frame = EventHead::of(&message).prepare().finish(None);
                apply_at(&core, room, &state, sender, message, &frame, depth)
            } else {
                let recipients = state.local.subscribers(&message.event).count();
                core.observe.accepted();
                let message = Arc::new(message);
                offer_at(&core, room, sender, &message, depth);
                (message, Delivery::new(recipients, None))
            };
            hold.as_ref().inspect(|hold| hold.delivered(outcome.1));
            outcome
        };
        call_hooks(&core, room, sender, message, delivery, depth);
        drop((on_its_way, hold, stays));
        let _ = answer.send(Ok(delivery));
    }

    /// The event is stored under this number, in this epoch if the log renews epochs.
    fn apply(self, seq: u64, epoch: Option<&Arc<str>>, frame: &EventFrame) {
        let Self {
            core,
            on_its_way,
            mut message,
            depth,
            limit,
            hold,
            answer,
            stays,
            ..
        } = self;
        let (room, sender) = (&on_its_way.room, on_its_way.sender.as_ref());
        let limit = limit.unwrap_or_default();
        message.seq = Some(seq);
        let (message, delivery) = {
            let mut state = room.lock();
            // Members have learned of another epoch meanwhile, and with it of everything before.
            let is_of_epoch = epoch.is_none_or(|epoch| epoch == state.record.epoch());
            let (message, delivery) = if is_of_epoch && seq > state.record.seq() && !state.record.is_deleted() {
                state.record.reach(seq);
                let kept = StoredEvent {
                    event: message.event.clone(),
                    seq: Some(seq),
                    body: frame.text.clone(),
                };
                core.history
                    .keep_in_window(&core.rooms, &core.observe, room, kept, limit);
                apply_at(&core, room, &state, sender, message, frame, depth)
            } else {
                // The room is gone, or the event was applied before its outcome was known here.
                let message = Arc::new(message);
                if core.cluster.is_some() && !state.record.is_deleted() {
                    // Nobody knew then that this node had admitted it.
                    core.observe.accepted();
                    offer_at(&core, room, sender, &message, depth);
                }
                (message, Delivery::new(0, Some(seq)))
            };
            hold.as_ref().inspect(|hold| hold.delivered(delivery));
            (message, delivery)
        };
        call_hooks(&core, room, sender, message, delivery, depth);
        drop((on_its_way, hold, stays));
        let _ = answer.send(Ok(delivery));
    }

    /// Nobody knows whether the event is stored. Its key stays reserved, and the room stays, until that is known.
    fn leave_unknown(self, failure: StoreFailure) {
        let Self {
            core,
            on_its_way,
            hold,
            answer,
            ..
        } = self;
        let room = Arc::clone(&on_its_way.room);
        if let Some(sender) = &on_its_way.sender {
            room.lock().appends.note_unknown(sender.key, Instant::now());
        }
        let (server, unresolved) = (Arc::downgrade(&core), Arc::new(Unresolved { on_its_way, hold }));
        room.applying().push_unknown(Arc::new(move || {
            let (server, unresolved) = (Weak::clone(&server), Arc::clone(&unresolved));
            async move {
                match server.upgrade() {
                    Some(core) => unresolved.resolve(&core).await,
                    None => true,
                }
            }
            .boxed()
        }));
        let _ = answer.send(Err(Rejected::Unknown(failure)));
    }

    /// Frees the key unless the event is stored, and answers the trigger.
    fn end(self, outcome: Result<Delivery, Rejected>) {
        let Self {
            on_its_way,
            hold,
            answer,
            stays,
            ..
        } = self;
        drop((on_its_way, hold, stays));
        let _ = answer.send(outcome);
    }

    fn log(&self, failure: &StoreFailure, may_be_stored: bool) {
        log_line!(
            WARN,
            *self.core,
            Involved::event(&self.message).sent_by(self.on_its_way.sender.as_deref()),
            "",
            { error = %failure, may_be_stored, },
            "the store has not accepted an event"
        );
    }
}

/// An event whose outcome is unknown.
struct Unresolved {
    on_its_way: OnItsWay,
    hold: Option<KeyHold>,
}

impl Unresolved {
    /// Asks the store for the event's key. Every event that the store has is applied by now.
    async fn resolve(&self, core: &Core) -> bool {
        let (Some(hold), Some(store)) = (&self.hold, &core.history.durable) else {
            return true;
        };
        let key = room_key(&self.on_its_way.room);
        match store.outcome_of(key, hold.append_key()).await {
            Ok(KeyOutcome::Stored { seq }) => hold.delivered(Delivery::new(0, Some(seq))),
            Ok(KeyOutcome::NotStored | KeyOutcome::Forgotten) => {}
            Err(_) => return false,
        }
        true
    }
}
