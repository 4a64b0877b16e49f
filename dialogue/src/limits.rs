//! Every limit of Dialogue, with its default and the reason for it.

use std::time::Duration;

use crate::duration::LONGEST;
use crate::limit_exceeded::LimitExceeded;

/// All limits of the server. Each field is a limit, and the setter with its name changes it. Durations over ten years
/// count as ten years. [`Builder::build`](crate::Builder::build) rejects a value with which no client could connect or do
/// anything ([`InvalidLimits`](crate::InvalidLimits)).
///
/// ```
/// use dialogue::Limits;
///
/// let limits = Limits::default().with_message_bytes(16 * 1024);
/// # assert_eq!(limits.json_depth, 32);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum size of a message from a client, in bytes of JSON. Default: 64 KiB. That is enough for long texts,
    /// and one client cannot claim much memory. A larger message closes the connection with 1009.
    pub message_bytes: usize,
    /// The maximum nesting of JSON from a client. The outermost object has depth 1. Default: 32. That is deeper than
    /// any sensible event, and far below a depth at which recursion becomes a problem. A deeper request is refused with
    /// `INVALID_REQUEST`.
    pub json_depth: usize,
    /// The maximum number of frames that may wait for one reader. Default: 1,024, about a second of a busy room. A
    /// reader that exceeds it is disconnected with 4000.
    pub queue_frames: usize,
    /// The maximum number of bytes that may wait for one reader. An event may have at most half of it, so that two
    /// events fit. Default: 1 MiB, twice the largest replay. A reader that exceeds it is disconnected with 4000.
    pub queue_bytes: usize,
    /// The maximum number of bytes of long replies (`joined`, `history` and `rooms`) that may wait unsent for the
    /// connections of one user, or of all anonymous users at one address. Default: 16 MiB, the queues of 16 connections
    /// that read nothing. Beyond it, further such requests of that user wait.
    pub reply_bytes_per_user: usize,
    /// How long a write may make no progress before the server disconnects the reader. Default: 5 s. A live mobile
    /// connection that is worth waiting for never pauses longer.
    pub write_deadline: Duration,
    /// How long a client may be silent before the server pings it. Default: 25 s. Some proxies drop a connection that
    /// has been idle for 30 s.
    pub ping_interval: Duration,
    /// How long the server waits for a sign of life after a ping before it disconnects the client. Default: 10 s,
    /// several round trips of a bad mobile network. Every byte from the client counts. While frames wait before the ping,
    /// the client has time until it has read them, and [`write_deadline`](Self::write_deadline) applies.
    pub ping_timeout: Duration,
    /// The time for headers, upgrade and authentication together. Default: 10 s. That is enough for a sign-in that
    /// calls another service, and it limits peers that only hold a socket open. It begins when the connection is
    /// accepted, and for a later request on the same connection, with the request's first byte.
    pub connect_deadline: Duration,
    /// How long an HTTP connection may be idle after a response, until the next request begins. Default: 75 s. Proxies keep
    /// idle connections for up to 60 s, and a request that they send while the server closes the connection is lost. With
    /// zero, the server closes each connection after its response. WebSockets have [`ping_interval`](Self::ping_interval)
    /// instead. The limit does not apply if another server mounts the router.
    pub keep_alive: Duration,
    /// The maximum size of the headers and of the target of an upgrade request, in bytes. Default: 32 KiB, several times as
    /// much as browsers send with many cookies. The server keeps them for as long as the connection if there is an
    /// `authenticate` hook. It answers a larger request with 431.
    pub header_bytes: usize,
    /// The time for each run of a handler or hook, except `authenticate`. Default: 5 s. That is long for a database
    /// query and short for a person who waits. If a hook that can refuse exceeds it, the server does not carry out the
    /// request that the hook guards. The deadline ends code only while it awaits: a hook that blocks its thread keeps
    /// running.
    pub hook_deadline: Duration,
    /// The maximum size of a refusal, in bytes of JSON: its reason and its data. Default: 4 KiB, so that the answers to all
    /// requests that a client may send in one [`inbound_window`](Self::inbound_window) fit into its queue. Of a
    /// larger refusal, the client receives a shorter reason and no data.
    pub refusal_bytes: usize,
    /// The maximum number of events that may wait for one handler or stream. Default: 1,024. Further events are
    /// dropped for that handler only, counted and logged.
    pub handler_queue: usize,
    /// How deeply hooks and handlers may trigger each other. Default: 16. Beyond it, `trigger` fails with
    /// [`TriggerError::LimitExceeded`](crate::TriggerError::LimitExceeded), `join` fails with
    /// [`JoinError::LimitExceeded`](crate::JoinError::LimitExceeded), and `load_history` is not called. This stops a
    /// handler that triggers the event that it handles, and a `before_join` that joins.
    pub handler_depth: usize,
    /// The maximum number of rooms that a client may be in. Default: 100, more than anybody looks at.
    pub rooms_per_client: usize,
    /// The maximum number of event subscriptions of a client, over all its rooms. A wildcard counts as one. In a room
    /// that allows any event, each exception to the wildcard counts as one too. Default: 1,000, ten for each room that
    /// the client may be in.
    pub subscriptions_per_client: usize,
    /// The maximum number of rooms in this process: declared, created and on demand. Default: 10,000, some tens of
    /// megabytes. Beyond it, no further room is created, and none is loaded that only a store has. A tenth is kept for
    /// rooms that the server declares, creates or looks up: beyond nine tenths, clients create none, and a join loads none.
    pub max_rooms: usize,
    /// The maximum number of rooms that are in this process because one user joined them first, or the anonymous users at
    /// one address: on-demand rooms, and rooms that only a store had. Default: 1,000, a tenth of
    /// [`max_rooms`](Self::max_rooms). A place is free again when the room has left the process.
    pub on_demand_rooms_per_user: usize,
    /// How long an on-demand room may stay empty before it is removed. With a store, a created room leaves the process after
    /// this time. It stays in the store. The same time applies to a room that a client
    /// of an anonymous user created, once its creator is gone too. Default: 60 s. Memory keeps the
    /// history and the numbers of an on-demand room, within its bounds, for the next client that joins it.
    pub on_demand_idle: Duration,
    /// The maximum number of frames that a client may send in any [`inbound_window`](Self::inbound_window). Default:
    /// 200. The server answers further frames with `RATE_LIMITED` and does not run them. If more than the same number
    /// of further frames arrive, with none within the limit in between, the server closes the connection with 4503.
    /// Frames that wait unread while one of the client's commands runs, on the server or on the network, count as sent
    /// at any time since. A slow hook therefore never costs a client its connection.
    pub inbound_frames: usize,
    /// The window of [`inbound_frames`](Self::inbound_frames). Default: 4 s. That is long enough for the burst of a
    /// client that reconnects to all its rooms. With a window of zero, clients have no rate limit.
    pub inbound_window: Duration,
    /// The maximum number of connections of one user. `None` (the default) sets no limit. At the limit, the server pings
    /// the user's connections. One that does not answer within 5 s is closed and makes room. If all answer, the further
    /// connection is closed with 4502. The limit does not apply to anonymous users, because each of their connections is
    /// a new user.
    pub connections_per_user: Option<usize>,
    /// The maximum number of connections from one IP address, over all routers and addresses of the server. The IP address
    /// is that of the socket's peer; behind a proxy, all connections have the address of the proxy. `None` (the default)
    /// sets no limit, because many users can share an address. Beyond it, the server answers the upgrade with 429. Of an
    /// IPv6 address, only the first 64 bits count, because its subscriber chooses the others. If another server mounts the
    /// router and does not provide the peer (`ConnectInfo`), connections are not counted.
    pub connections_per_address: Option<usize>,
    /// The maximum number of bytes of events that the histories of all rooms keep in memory. The same limit applies to
    /// the events that wait for `on_history_evicted`. Default: 256 MiB, the texts of a million chat lines. Beyond it,
    /// the server evicts the events of the least recently used room, as with
    /// [`HistoryConfig::max_rooms`](crate::history::HistoryConfig::max_rooms). If only one room has events, the server
    /// evicts its oldest ones. The oldest events that wait for `on_history_evicted` are dropped and logged.
    pub history_bytes: usize,
    /// The maximum number of events in one page of history. Default: 100, a screen or two of lines.
    pub history_page_events: usize,
    /// The maximum number of bytes of events in one page of history. Default: 256 KiB, a quarter of the queue. A page
    /// always contains at least one event, even if that event is larger.
    pub history_page_bytes: usize,
    /// The maximum number of events that are replayed when a client joins or recovers. Default: 300, a few minutes of
    /// a busy room. Beyond it, a client that joins receives the newest events, and a client that recovers learns that
    /// it cannot recover.
    pub replay_events: usize,
    /// The maximum number of bytes of events that are replayed when a client joins or recovers. Default: 512 KiB, half
    /// of the queue, so that live events fit behind them.
    pub replay_bytes: usize,
    /// The maximum number of rooms in one page of `listRooms`. `history_page_bytes` limits such a page too. Default:
    /// 100, as in a page of history.
    pub room_page: usize,
    /// How long the server continues after SIGTERM, while `{base}/ready` answers 503: it accepts clients, and connected ones
    /// stay. Then the shutdown begins. Default: 3 s, enough for a load balancer or an orchestrator that checks every second.
    /// Without this time, clients that it still sends would be refused. Ctrl-C and `stop()` skip it. A
    /// process that receives SIGTERM needs this time and [`drain_deadline`](Self::drain_deadline) together.
    pub ready_delay: Duration,
    /// The time that `stop()` has to flush, close and wait. Default: 30 s, which orchestrators usually allow before
    /// they kill a process.
    pub drain_deadline: Duration,
    /// The maximum number of idempotency keys that the server remembers. Default: 100,000, which take about 30 MB. Beyond
    /// it, the holder with the most keys loses its oldest. A holder is a user, or for anonymous users the address of
    /// their peer. The server refuses a repetition that it may have forgotten, with `OUTCOME_UNKNOWN`.
    pub keys: usize,
    /// The maximum number of idempotency keys of one holder. Default: 10,000, so that ten holders that trigger as fast as
    /// they may take nothing from others. Beyond it, the holder loses its oldest key.
    pub keys_per_user: usize,
    /// How long an event may wait for a [store](crate::Builder::store). Default: 10 s, longer than a disk pauses that works.
    /// If it has not begun to be stored by then, it is withdrawn, and the trigger fails. Otherwise it may still be
    /// stored, and the outcome is unknown. Only servers with a store have this limit and the next one.
    pub append_deadline: Duration,
    /// The maximum number of bytes of events that may wait for a store, all rooms together. Default: 16 MiB, more than a
    /// slow disk stores in a second. Beyond it, triggers of events with history fail at once.
    pub store_queue_bytes: usize,
}

/// Writes a setter for each limit. A limit without a setter does not compile.
macro_rules! setters {
    ($($setter:ident($limit:ident: $type:ty);)*) => {
        impl Limits {
            $(
                #[doc = concat!("Sets [`", stringify!($limit), "`](Self#structfield.", stringify!($limit), ").")]
                #[must_use]
                pub fn $setter(mut self, $limit: $type) -> Self {
                    self.$limit = $limit.into();
                    self
                }
            )*
        }

        const _: fn(Limits) = |Limits { $($limit: _),* }| {};
    };
}

setters! {
    with_message_bytes(message_bytes: usize);
    with_json_depth(json_depth: usize);
    with_queue_frames(queue_frames: usize);
    with_queue_bytes(queue_bytes: usize);
    with_reply_bytes_per_user(reply_bytes_per_user: usize);
    with_write_deadline(write_deadline: Duration);
    with_ping_interval(ping_interval: Duration);
    with_ping_timeout(ping_timeout: Duration);
    with_connect_deadline(connect_deadline: Duration);
    with_keep_alive(keep_alive: Duration);
    with_header_bytes(header_bytes: usize);
    with_hook_deadline(hook_deadline: Duration);
    with_refusal_bytes(refusal_bytes: usize);
    with_handler_queue(handler_queue: usize);
    with_handler_depth(handler_depth: usize);
    with_rooms_per_client(rooms_per_client: usize);
    with_subscriptions_per_client(subscriptions_per_client: usize);
    with_max_rooms(max_rooms: usize);
    with_on_demand_rooms_per_user(on_demand_rooms_per_user: usize);
    with_on_demand_idle(on_demand_idle: Duration);
    with_inbound_frames(inbound_frames: usize);
    with_inbound_window(inbound_window: Duration);
    with_connections_per_user(connections_per_user: impl Into<Option<usize>>);
    with_connections_per_address(connections_per_address: impl Into<Option<usize>>);
    with_history_bytes(history_bytes: usize);
    with_history_page_events(history_page_events: usize);
    with_history_page_bytes(history_page_bytes: usize);
    with_replay_events(replay_events: usize);
    with_replay_bytes(replay_bytes: usize);
    with_room_page(room_page: usize);
    with_ready_delay(ready_delay: Duration);
    with_drain_deadline(drain_deadline: Duration);
    with_keys(keys: usize);
    with_keys_per_user(keys_per_user: usize);
    with_append_deadline(append_deadline: Duration);
    with_store_queue_bytes(store_queue_bytes: usize);
}

impl Limits {
    /// The same limits with no duration over ten years. Users write such durations when they want no limit.
    pub(crate) fn with_durations_bounded(mut self) -> Self {
        for duration in [
            &mut self.write_deadline,
            &mut self.ping_interval,
            &mut self.ping_timeout,
            &mut self.connect_deadline,
            &mut self.keep_alive,
            &mut self.hook_deadline,
            &mut self.on_demand_idle,
            &mut self.inbound_window,
            &mut self.ready_delay,
            &mut self.drain_deadline,
            &mut self.append_deadline,
        ] {
            *duration = LONGEST.min(*duration);
        }
        self
    }

    /// The longest reply that a client can request, in bytes: about as long as one replay or page.
    pub(crate) fn longest_reply(&self) -> usize {
        self.replay_bytes.max(self.history_page_bytes)
    }

    /// Checks whether an event of `bytes` bytes may be sent.
    pub(crate) fn check_event(&self, bytes: usize) -> Result<(), LimitExceeded> {
        let limit = self.queue_bytes / 2;
        if bytes > limit {
            return Err(LimitExceeded::EventBytes { bytes, limit });
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 * 1024,
            json_depth: 32,
            queue_frames: 1024,
            queue_bytes: 1024 * 1024,
            reply_bytes_per_user: 16 * 1024 * 1024,
            write_deadline: Duration::from_secs(5),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            header_bytes: 32 * 1024,
            hook_deadline: Duration::from_secs(5),
            refusal_bytes: 4096,
            handler_queue: 1024,
            handler_depth: 16,
            rooms_per_client: 100,
            subscriptions_per_client: 1000,
            max_rooms: 10_000,
            on_demand_rooms_per_user: 1000,
            on_demand_idle: Duration::from_secs(60),
            inbound_frames: 200,
            inbound_window: Duration::from_secs(4),
            connections_per_user: None,
            connections_per_address: None,
            history_bytes: 256 * 1024 * 1024,
            history_page_events: 100,
            history_page_bytes: 256 * 1024,
            replay_events: 300,
            replay_bytes: 512 * 1024,
            room_page: 100,
            ready_delay: Duration::from_secs(3),
            drain_deadline: Duration::from_secs(30),
            keys: 100_000,
            keys_per_user: 10_000,
            append_deadline: Duration::from_secs(10),
            store_queue_bytes: 16 * 1024 * 1024,
        }
    }
}
