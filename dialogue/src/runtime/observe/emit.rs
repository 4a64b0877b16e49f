//! The reports of everything that happens: one method for each kind of happening, called from one place.
//!
//! A method first counts. It then builds the observation only if there is an observer; one atomic load tells.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::counters::Counters;
use super::lag::HandlerLag;
use super::observation::{LeaveReason, Observation, ObservedEvent};
use super::observers::{ObserveError, Observers};
use super::stats::{Stats, StoreStats};
use super::stream::Observations;
use crate::connection::{ClientState, Close};
use crate::event::EventMessage;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::protocol::ErrorCode;
use crate::store_failure::StoreFailure;

/// A server's counters and observers.
#[derive(Default)]
pub(crate) struct Observe {
    counters: Counters,
    observers: Arc<Observers>,
}

/// The client, its user and peer, the room and the event that a refusal or failure concerns, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Involved<'a> {
    pub(crate) client: Option<&'a ClientId>,
    pub(crate) user: Option<&'a UserId>,
    /// The address at the other end of the socket. Observers do not receive it.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) room: Option<&'a RoomId>,
    pub(crate) event: Option<&'a EventName>,
}

impl<'a> Involved<'a> {
    /// Only a client.
    pub(crate) fn client(client: &'a ClientState) -> Self {
        Self {
            client: Some(&client.id),
            user: Some(&client.user_id),
            peer: client.peer,
            ..Self::default()
        }
    }

    /// A connection that is not a client yet.
    pub(crate) fn peer(peer: Option<SocketAddr>) -> Self {
        Self {
            peer,
            ..Self::default()
        }
    }

    /// An event, the room that it is in, and the user that sent it.
    pub(crate) fn event(message: &'a EventMessage) -> Self {
        Self {
            user: Some(&message.from).filter(|from| **from != UserId::SYSTEM),
            room: Some(&message.room_id),
            event: Some(&message.event),
            ..Self::default()
        }
    }

    /// Adds the client that sent the event, if one did.
    pub(crate) fn sent_by(self, sender: Option<&'a ClientState>) -> Self {
        Self {
            client: sender.map(|sender| &sender.id),
            peer: sender.and_then(|sender| sender.peer),
            ..self
        }
    }

    /// Adds the room.
    pub(crate) fn in_room(self, room: &'a RoomId) -> Self {
        Self {
            room: Some(room),
            ..self
        }
    }
}

impl Observe {
    /// The register of observers.
    pub(crate) fn observers(&self) -> &Arc<Observers> {
        &self.observers
    }

    /// A stream of all observations from now on.
    pub(in crate::runtime) fn stream(&self) -> Result<Observations, ObserveError> {
        Observations::new(self.observers())
    }

    /// The counts so far. The caller adds the present numbers of connections, rooms and events in the history.
    pub(in crate::runtime) fn counted(&self) -> Stats {
        self.counters.snapshot()
    }

    /// The counts of a store's outcomes so far. The caller adds what the store does now.
    pub(in crate::runtime) fn counted_of_store(&self) -> StoreStats {
        self.counters.store_snapshot()
    }

    /// The counters of events that wait for handlers and streams.
    pub(in crate::runtime) fn handler_lag(&self) -> &Arc<HandlerLag> {
        &self.counters.handler_lag
    }

    /// Whether there is an observer. Ask before an expensive measurement.
    pub(crate) fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }

    /// Ends every stream: the server has stopped.
    pub(crate) fn close(&self) {
        self.observers.close();
    }

    /// Builds an observation and shows it to every observer. Without observers, it does not call `observation`.
    fn show(&self, observation: impl FnOnce() -> Observation) {
        if self.is_observed() {
            self.observers.show(&observation());
        }
    }

    /// A client was admitted.
    pub(crate) fn connected(&self, client: &ClientId, user: &UserId) {
        self.show(|| Observation::Connected {
            client: client.clone(),
            user: user.clone(),
        });
    }

    /// A client's connection ended, and the client left its rooms.
    pub(crate) fn disconnected(&self, client: &ClientId, user: &UserId, end: &Close) {
        self.show(|| Observation::Disconnected {
            client: client.clone(),
            user: user.clone(),
            code: end.code,
            reason: end.reason.as_str().into(),
            client_code: end.client_code,
        });
    }

    /// A client joined a room. `size` counts the clients in the room, including this one.
    pub(crate) fn joined(&self, room: &RoomId, client: &ClientId, user: &UserId, size: usize) {
        self.show(|| Observation::Joined {
            room: room.clone(),
            client: client.clone(),
            user: user.clone(),
            size,
        });
    }

    /// A client left a room. `size` counts the clients that stay.
    pub(crate) fn left(&self, room: &RoomId, client: &ClientId, user: &UserId, size: usize, reason: LeaveReason) {
        self.show(|| Observation::Left {
            room: room.clone(),
            client: client.clone(),
            user: user.clone(),
            size,
            reason,
        });
    }

    /// A room was created.
    pub(crate) fn room_created(&self, room: &RoomId, name: &str, max_size: Option<usize>) {
        self.show(|| Observation::RoomCreated {
            room: room.clone(),
            name: name.into(),
            max_size,
        });
    }

    /// A room was deleted.
    pub(crate) fn room_deleted(&self, room: &RoomId) {
        self.show(|| Observation::RoomDeleted { room: room.clone() });
    }

    /// A room accepted an event and queued its `frame` for `recipients` clients.
    pub(crate) fn event(&self, message: &Arc<EventMessage>, recipients: usize, frame: &Bytes) {
        self.counters.events_in.add(1);
        self.counters.events_out.add(recipients as u64);
        self.show(|| Observation::Event(ObservedEvent::new(message, recipients, frame)));
    }

    /// An event of a cluster has its place, and its `frame` was queued for `recipients` clients of this node. Another node may have
    /// accepted and counted it. `message` is there if there are observers.
    pub(crate) fn passed_on(&self, message: Option<&Arc<EventMessage>>, recipients: usize, frame: &Bytes) {
        self.counters.events_out.add(recipients as u64);
        if let Some(message) = message {
            self.show(|| Observation::Event(ObservedEvent::new(message, recipients, frame)));
        }
    }

    /// This node has accepted an event that a cluster brings to its members.
    pub(crate) fn accepted(&self) {
        self.counters.events_in.add(1);
    }

    /// The data of events was erased.
    pub(crate) fn erased(&self, room: &RoomId, seqs: &[u64]) {
        self.show(|| Observation::Erased {
            room: room.clone(),
            seqs: seqs.into(),
        });
    }

    /// A client received an `error` frame.
    pub(crate) fn refused(&self, code: ErrorCode, message: &str, involved: Involved<'_>) {
        self.counters.refused(code);
        self.show(|| Observation::Refused {
            code,
            message: message.into(),
            client: involved.client.cloned(),
            user: involved.user.cloned(),
            room: involved.room.cloned(),
            event: involved.event.cloned(),
        });
    }

    /// The store begins to fail, or works again.
    pub(in crate::runtime) fn store_changed(&self, failing: Option<&StoreFailure>) {
        self.show(|| match failing {
            Some(failure) => Observation::StoreFailed {
                failure: failure.clone(),
            },
            None => Observation::StoreRecovered,
        });
    }

    /// A store refused an event, or did not begin in time.
    pub(crate) fn store_refused(&self) {
        self.counters.store_refused.add(1);
    }

    /// A store does not say whether it has stored an event.
    pub(crate) fn store_unknown(&self) {
        self.counters.store_unknown.add(1);
    }

    /// An event without history reaches only this node.
    pub(crate) fn not_sent(&self) {
        self.counters.not_sent.add(1);
    }

    /// A hook or handler failed.
    pub(crate) fn hook_failed(&self, hook: &'static str, error: impl FnOnce() -> String, involved: Involved<'_>) {
        self.counters.hook_failures.add(1);
        self.show(|| Observation::HookFailed {
            hook,
            error: error().into(),
            client: involved.client.cloned(),
            user: involved.user.cloned(),
            room: involved.room.cloned(),
            event: involved.event.cloned(),
        });
    }

    /// A hook or handler ended.
    pub(crate) fn hook_timed(&self, hook: &'static str, duration: Duration) {
        self.show(|| Observation::HookTimed { hook, duration });
    }

    /// Memory no longer keeps these events. Each is given by its room and name.
    pub(crate) fn evicted<'a>(&self, events: impl IntoIterator<Item = (&'a RoomId, &'a EventName)>) {
        if !self.is_observed() {
            return;
        }
        let mut counts = BTreeMap::new();
        for of in events {
            *counts.entry(of).or_default() += 1;
        }
        for ((room, event), count) in counts {
            self.show(|| Observation::Evicted {
                room: room.clone(),
                event: event.clone(),
                count,
            });
        }
    }

    /// A WebSocket ended. This only counts: observers see the end of a client as [`disconnected`](Self::disconnected).
    pub(crate) fn closed(&self, end: &Close) {
        self.counters.closed(end.code);
        if end.is_loss() {
            self.counters.connections_lost.add(1);
        }
    }
}

/// Nothing can happen any more, so every stream ends.
impl Drop for Observe {
    fn drop(&mut self) {
        self.observers.close();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;

    fn observed(observations: &mut Observations) -> Vec<Observation> {
        std::iter::from_fn(|| observations.next().now_or_never())
            .map(|next| next.expect("it has not ended").expect("nothing was missed"))
            .collect()
    }

    #[test]
    fn builds_nothing_while_nobody_observes() {
        let observe = Observe::default();
        observe.show(|| panic!("built for nobody"));
        drop(observe.stream().expect("a place"));
        observe.show(|| panic!("built for an observer that is gone"));
    }

    #[test]
    fn every_event_is_counted_and_shown_with_the_frame_of_its_subscribers() {
        let observe = Observe::default();
        let message = Arc::new(EventMessage::new("message", "chat", json!({ "text": "hi" })));
        let frame = Bytes::from_static(b"{\"type\":\"event\"}");
        observe.event(&message, 3, &frame);
        let mut observations = observe.stream().expect("a place");
        observe.event(&message, 2, &frame);
        let counted = observe.counted();
        assert_eq!((counted.events_in, counted.events_out), (2, 5));
        let shown = observed(&mut observations);
        let [Observation::Event(event)] = &shown[..] else {
            panic!("{shown:?}")
        };
        assert!(Arc::ptr_eq(&event.message, &message));
        assert_eq!((event.recipients, event.frame().as_ptr()), (2, frame.as_ptr()));
    }

    #[test]
    fn refusals_and_failures_are_counted_and_name_what_they_concern() {
        let observe = Observe::default();
        let mut observations = observe.stream().expect("a place");
        let (client, user) = (ClientId::from("client"), UserId::from("ada"));
        let (room, event) = (RoomId::from("chat"), EventName::from("message"));
        let involved = Involved {
            client: Some(&client),
            user: Some(&user),
            room: Some(&room),
            event: Some(&event),
            ..Involved::default()
        };
        observe.refused(ErrorCode::Blocked, "no spam", involved);
        observe.hook_failed("authorize", || "no database".to_owned(), Involved::default());
        let counted = observe.counted();
        assert_eq!(
            counted
                .refusals
                .iter()
                .filter(|(_, count)| *count > 0)
                .collect::<Vec<_>>(),
            [(ErrorCode::Blocked, 1)]
        );
        assert_eq!(counted.hook_failures, 1);
        let refused = Observation::Refused {
            code: ErrorCode::Blocked,
            message: "no spam".into(),
            client: Some(client.clone()),
            user: Some(user.clone()),
            room: Some(room.clone()),
            event: Some(event.clone()),
        };
        let failed = Observation::HookFailed {
            hook: "authorize",
            error: "no database".into(),
            client: None,
            user: None,
            room: None,
            event: None,
        };
        assert_eq!(observed(&mut observations), [refused, failed]);
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_last_handle_of_its_server() {
        let observe = Observe::default();
        let mut observations = observe.stream().expect("a place");
        drop(observe);
        assert_eq!(observations.next().await, None);
    }
}
