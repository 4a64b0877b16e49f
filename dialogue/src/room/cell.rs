//! One room of the server: its identity, its configuration, and its state behind a lock.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OnceCell;

use super::apply_queue::ApplyQueue;
use super::config::RoomTemplate;
use super::state::RoomState;
use super::subscriptions::Subscriptions;
use crate::connection::{ClientState, Holder};
use crate::id::{EventName, RoomId, UserId};
use crate::protocol;
use crate::serial::SerialQueue;

/// The state of a room whose members are this server's clients.
pub(crate) type ServedRoomState = RoomState<Arc<ClientState>>;

/// A room as the runtime holds it. Handles point to it, also after the room is deleted.
#[derive(Debug)]
pub(crate) struct RoomCell {
    pub(crate) id: RoomId,
    pub(crate) template: Arc<RoomTemplate>,
    pub(crate) created_by: Option<UserId>,
    pub(crate) origin: Origin,
    /// Whose share of rooms this room takes; `None` if the server created it.
    pub(crate) holder: Option<Holder>,
    /// Identifies this incarnation of the room. It never changes, and a later room with the same id has another one.
    /// [`RoomRecord::epoch`](super::record::RoomRecord::epoch) is what clients know.
    pub(crate) incarnation: Arc<str>,
    /// Runs the hooks about the creation and the deletion of this room, in order.
    pub(crate) hooks: SerialQueue,
    /// The changes of the log that wait to be applied. Empty without a store.
    applying: OnceLock<Box<ApplyQueue>>,
    /// Whether the log was loaded from the store, and what is dropped with the room then. Without a store, nobody asks.
    pub(crate) loaded: OnceCell<Loaded>,
    state: Mutex<ServedRoomState>,
}

/// What belongs to a room as long as its log is in use here.
pub(crate) type Loaded = Option<Box<dyn fmt::Debug + Send + Sync>>;

/// How a room was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Declared, or created by the server.
    Server,
    /// Created by a client of a user who has signed in.
    Client,
    /// Created by a client of an anonymous user. The server removes it when it is empty and its creator is gone.
    Anonymous,
    /// Created by the first join. The server removes it after it has been empty for a while.
    OnDemand,
}

impl RoomCell {
    /// `epoch` identifies the incarnation. Clients know it as the room's epoch until [`RoomRecord::renew`] gives it another one.
    ///
    /// [`RoomRecord::renew`]: super::record::RoomRecord::renew
    pub(crate) fn new(
        id: RoomId,
        template: Arc<RoomTemplate>,
        created_by: Option<UserId>,
        origin: Origin,
        epoch: Arc<str>,
    ) -> Self {
        let state = Mutex::new(RoomState::new(template.max_size, Arc::clone(&epoch)));
        Self {
            id,
            template,
            created_by,
            origin,
            holder: None,
            incarnation: epoch,
            hooks: SerialQueue::default(),
            applying: OnceLock::new(),
            loaded: OnceCell::new(),
            state,
        }
    }

    /// The same room, which takes a share of a client's holder.
    pub(crate) fn held_by(self, holder: Holder) -> Self {
        Self {
            holder: Some(holder),
            ..self
        }
    }

    /// The same room in another incarnation, without members.
    pub(crate) fn in_epoch(&self, epoch: Arc<str>) -> Self {
        let (id, template) = (self.id.clone(), Arc::clone(&self.template));
        Self {
            holder: self.holder.clone(),
            ..Self::new(id, template, self.created_by.clone(), self.origin, epoch)
        }
    }

    /// Locks the state for as long as the guard lives. While you hold it, await nothing and run no code of the
    /// application.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ServedRoomState> {
        self.state.lock()
    }

    /// Whether this is the room with its id, whose log belongs to it: it is not deleted, and not only prepared for `before_join`.
    /// Until the lock is released, that stays so. `state` is this room's state.
    pub(crate) fn is_present(&self, state: &ServedRoomState) -> bool {
        !state.record.is_deleted() && (self.origin != Origin::OnDemand || state.record.is_added())
    }

    /// The changes of the log that a store has made, and that wait to be applied here.
    pub(crate) fn applying(&self) -> &ApplyQueue {
        self.applying.get_or_init(Box::default)
    }

    /// Whether the server announces the room to clients and includes it in the list of rooms.
    pub(crate) fn is_listed(&self) -> bool {
        self.origin != Origin::OnDemand || self.template.family.listed
    }

    /// Turns the subscriptions that a client requests into the room's own form. A wildcard does not cover the events in
    /// `except`; names there that the room does not have are ignored. An error names any other event that the room does
    /// not have.
    pub(crate) fn resolve_subscriptions(
        &self,
        names: protocol::SubscriptionList,
        mut except: BTreeSet<EventName>,
    ) -> Result<Subscriptions, EventName> {
        if let Some(unknown) = names.events.iter().find(|name| !self.template.policy.knows(name)) {
            return Err(unknown.clone());
        }
        Ok(if names.wildcard {
            except.retain(|name| self.template.policy.knows(name));
            Subscriptions::All { except }
        } else {
            Subscriptions::Named(names.events)
        })
    }

    /// How many subscriptions this set counts as. In a room with fixed events, a wildcard has no more exceptions than the
    /// room has events, and counts as one. In any other room, each exception counts too.
    pub(crate) fn count_subscriptions(&self, subscriptions: &Subscriptions) -> usize {
        match subscriptions {
            Subscriptions::All { .. } if self.template.policy.closed_names().is_some() => 1,
            _ => subscriptions.count(),
        }
    }

    /// Returns the names in these subscriptions. A wildcard gives the names of the room's events that it includes.
    pub(crate) fn subscription_names(&self, subscriptions: &Subscriptions) -> protocol::SubscriptionList {
        match subscriptions {
            Subscriptions::Named(names) => protocol::SubscriptionList {
                wildcard: false,
                events: names.clone(),
            },
            Subscriptions::All { except } => protocol::SubscriptionList {
                wildcard: true,
                events: self
                    .template
                    .policy
                    .names()
                    .iter()
                    .filter(|name| !except.contains(*name))
                    .cloned()
                    .collect(),
            },
        }
    }
}
