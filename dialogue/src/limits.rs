//! Every limit of Dialogue, with its default and the reason for it.

use std::time::Duration;

/// What is bounded, and by how much. All of it can be changed; durations over ten years count as ten.
///
/// ```
/// use dialogue::Limits;
///
/// let limits = Limits { message_bytes: 16 * 1024, ..Limits::default() };
/// # assert_eq!(limits.json_depth, 32);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest message a client may send, in bytes of JSON. Default: 64 KiB, room for long texts without letting
    /// one client claim much memory. Over it, the connection is closed with 1009.
    pub message_bytes: usize,
    /// How deep JSON from a client may nest; the outermost object is depth 1. Default: 32, deeper than any sensible
    /// event and far from what recursion could hurt.
    pub json_depth: usize,
    /// The most frames that may wait for one reader. Default: 1,024, about a second of a busy room. Over it, the
    /// connection is cut with 4000.
    pub queue_frames: usize,
    /// The most bytes that may wait for one reader; an event may be half as large, so that two fit. Default: 1 MiB,
    /// twice the largest replay. Over it, the connection is cut with 4000.
    pub queue_bytes: usize,
    /// How long a write may make no progress before the reader is cut. Default: 5 s, longer than any pause of a live
    /// mobile connection that is worth waiting for.
    pub write_deadline: Duration,
    /// How long nothing may be heard of a client before the server pings it. Default: 25 s, under the 30 s after which some
    /// proxies drop an idle connection.
    pub ping_interval: Duration,
    /// How long after a ping nothing may be heard before a client counts as gone. Default: 10 s, several round trips of a
    /// bad mobile network.
    pub ping_timeout: Duration,
    /// The time for headers, upgrade and authentication together. Default: 10 s, enough for a sign-in that asks another
    /// service, and short for who only holds a socket open.
    pub connect_deadline: Duration,
    /// The time for each run of a hook (other than `authenticate`) and of a handler. Default: 5 s, long for a database and
    /// short for a person who waits. A hook that can refuse and overruns it has refused. Only what awaits can be ended so:
    /// a hook that blocks its thread blocks on.
    pub hook_deadline: Duration,
    /// The most events that may wait for one handler or stream. Default: 1,024; over it, events are dropped for that
    /// handler alone, counted and logged.
    pub handler_queue: usize,
    /// How deep hooks and handlers may set each other off. Default: 16; over it, `trigger` fails with
    /// `TriggerError::Limited`, `join` with `JoinError::Limited` and `load_history` is not asked, so that a handler which
    /// triggers what it hears comes to an end, and so does a `before_join` which joins.
    pub handler_depth: usize,
    /// The most rooms a client may be in. Default: 100, more than anybody looks at.
    pub rooms_per_client: usize,
    /// The most event subscriptions a client may hold over all its rooms. A wildcard counts as one, and so does, where a
    /// room allows any event, each that the wildcard is narrowed by. Default: 1,000, ten for each room that it may be in.
    pub subscriptions_per_client: usize,
    /// The most rooms of the server, declared, created and on demand. Default: 10,000, some tens of megabytes. Over it,
    /// nobody gets another.
    pub max_rooms: usize,
    /// How long an on-demand room may stay empty before it goes away, and a room that an anonymous user's client created once
    /// its creator is gone too. Default: 60 s, so that a reload or a short cut of the network finds its history again.
    pub on_demand_idle: Duration,
    /// The most frames a client may send in any [`inbound_window`](Self::inbound_window). Default: 200. Over it, frames
    /// are answered with `RATE_LIMITED` and not run; when more than as many again have come without one that was in time,
    /// the connection is closed with 4503. What waits unread while one of the client's commands runs, here or on its way,
    /// counts as sent at any time since: a hook that takes long costs no client its connection.
    pub inbound_frames: usize,
    /// The window of [`inbound_frames`](Self::inbound_frames). Default: 4 s, long enough for the burst with which a
    /// client comes back to all its rooms.
    pub inbound_window: Duration,
    /// The most connections of one user; `None` (the default) for no quota. Over it, a connection is closed with 4502. It
    /// does not bind anonymous users, of which each connection is a new one.
    pub connections_per_user: Option<usize>,
    /// The most connections from one IP address, that of the socket's peer; `None` (the default) for no quota, since many
    /// users can share an address. Over it, the upgrade is answered with 429. Behind a proxy, all connections are the
    /// proxy's; where the router is mounted in a server that does not tell the peer (`ConnectInfo`), none is counted.
    pub connections_per_address: Option<usize>,
    /// The most bytes of events that the server's histories keep in memory, all rooms together, and the most that wait for
    /// `on_history_evicted`. Default: 256 MiB, the texts of a million chat lines. Over it, the events of the least recently
    /// used room are evicted, as over [`HistoryConfig::max_rooms`](crate::HistoryConfig::max_rooms), and where there is only
    /// one with events, its oldest; of those that wait, the oldest are given up, and logged.
    pub history_bytes: usize,
    /// The most events in one page of history. Default: 100, a screen or two of lines.
    pub history_page_events: usize,
    /// The most bytes of events in one page of history. Default: 256 KiB, a quarter of the queue. A single event over it is
    /// still given.
    pub history_page_bytes: usize,
    /// The most events replayed when a client joins or recovers. Default: 300, a few minutes of a busy room. Over it, a
    /// joining client is sent the newest, and a recovering one is told that it cannot.
    pub replay_events: usize,
    /// The most bytes of events replayed when a client joins or recovers. Default: 512 KiB, half of the queue, so that live
    /// events fit behind.
    pub replay_bytes: usize,
    /// The most rooms in one page of `listRooms`, which is bounded by `history_page_bytes` too. Default: 100, as in a page
    /// of history.
    pub room_page: usize,
    /// The time in which `stop()` flushes, closes and waits. Default: 30 s, what orchestrators allow before they kill.
    pub drain_deadline: Duration,
}

/// The longest of all durations: for ever, for a program, and little enough to be added to any time.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Limits {
    /// The same without durations over ten years, as whoever wants no bound writes them.
    pub(crate) fn with_durations_bounded(mut self) -> Self {
        for duration in [
            &mut self.write_deadline,
            &mut self.ping_interval,
            &mut self.ping_timeout,
            &mut self.connect_deadline,
            &mut self.hook_deadline,
            &mut self.on_demand_idle,
            &mut self.inbound_window,
            &mut self.drain_deadline,
        ] {
            *duration = LONGEST.min(*duration);
        }
        self
    }

    /// Whether an event of so many bytes may be sent; an error says why not.
    pub(crate) fn check_event(&self, bytes: usize) -> Result<(), String> {
        if bytes > self.queue_bytes / 2 {
            return Err(format!(
                "an event of {bytes} bytes, of which no reader's queue could hold two"
            ));
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
            write_deadline: Duration::from_secs(5),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(10),
            hook_deadline: Duration::from_secs(5),
            handler_queue: 1024,
            handler_depth: 16,
            rooms_per_client: 100,
            subscriptions_per_client: 1000,
            max_rooms: 10_000,
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
            drain_deadline: Duration::from_secs(30),
        }
    }
}
