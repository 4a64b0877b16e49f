//! One room: what it is, and its state behind a lock.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::config::RoomTemplate;
use super::state::RoomState;
use super::subscriptions::Subscriptions;
use crate::connection::ClientState;
use crate::id::{EventName, RoomId, UserId};
use crate::protocol;
use crate::serial::SerialQueue;

/// A room as the runtime holds it. Handles point to it, and keep pointing to it when it is deleted.
#[derive(Debug)]
pub(crate) struct RoomCell {
    pub(crate) id: RoomId,
    pub(crate) template: Arc<RoomTemplate>,
    pub(crate) created_by: Option<UserId>,
    pub(crate) origin: Origin,
    /// This incarnation of the room; another room of the same id has another epoch.
    pub(crate) epoch: Arc<str>,
    /// Runs the hooks that tell of the room itself, in order.
    pub(crate) hooks: SerialQueue,
    state: Mutex<RoomState<Arc<ClientState>>>,
}

/// How a room came into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Declared, or created by the server.
    Server,
    /// Created by a client, on the account of `created_by`.
    Client,
    /// The same, of an anonymous user: goes away when it is empty and its creator is gone.
    Anonymous,
    /// Made by the first join; goes away when it has been empty for a while.
    OnDemand,
}

impl RoomCell {
    pub(crate) fn new(
        id: RoomId,
        template: Arc<RoomTemplate>,
        created_by: Option<UserId>,
        origin: Origin,
        epoch: Arc<str>,
    ) -> Self {
        let state = Mutex::new(RoomState::new(template.max_size));
        Self {
            id,
            template,
            created_by,
            origin,
            epoch,
            hooks: SerialQueue::default(),
            state,
        }
    }

    /// The state, for as long as the guard lives. Nothing is awaited and no foreign code runs meanwhile.
    pub(crate) fn lock(&self) -> MutexGuard<'_, RoomState<Arc<ClientState>>> {
        self.state.lock()
    }

    /// Whether clients are told of it and find it in the list.
    pub(crate) fn is_listed(&self) -> bool {
        self.origin != Origin::OnDemand || self.template.family.listed
    }

    /// Turns what a client asked for into subscriptions; an error names the event that the room does not have.
    pub(crate) fn wanted(&self, names: protocol::SubscriptionList) -> Result<Subscriptions, EventName> {
        if let Some(unknown) = names.events.iter().find(|name| !self.template.policy.knows(name)) {
            return Err(unknown.clone());
        }
        Ok(if names.wildcard {
            Subscriptions::all()
        } else {
            Subscriptions::Named(names.events)
        })
    }

    /// The names behind subscriptions: under the wildcard, those of the room's events that it stands for.
    pub(crate) fn names_of(&self, subscriptions: &Subscriptions) -> protocol::SubscriptionList {
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
