//! Which limit was exceeded, and its value.
//!
//! Owns the texts about limits. The limits themselves are in `limits`, and each is checked where it applies.

/// Which limit was exceeded, and its value. Each variant and its message have the name that the limit has where you set
/// it: a field of [`Limits`](crate::Limits), or an option of a room family.
///
/// ```
/// use dialogue::LimitExceeded;
///
/// let exceeded = LimitExceeded::MaxRooms { limit: 10_000 };
/// assert_eq!(exceeded.to_string(), "room limit reached (max_rooms = 10000): delete a room, or raise the limit");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// The server has [`Limits::max_rooms`](crate::Limits::max_rooms) rooms.
    #[error("room limit reached (max_rooms = {limit}): delete a room, or raise the limit")]
    MaxRooms {
        /// The maximum number of rooms.
        limit: usize,
    },
    /// Clients have made all rooms present that they may: by `createRoom`, or by joining rooms that are on demand or only in
    /// a store. These are nine tenths of [`Limits::max_rooms`](crate::Limits::max_rooms). The rest is kept for the server.
    #[error(
        "clients can create or load no more rooms ({limit}, nine tenths of max_rooms; the rest is kept for the server): delete a \
         room, or raise the limit"
    )]
    RoomsOfClients {
        /// The maximum number of rooms that clients may make present.
        limit: usize,
    },
    /// As many rooms are present because of the user as
    /// [`Limits::on_demand_rooms_per_user`](crate::Limits::on_demand_rooms_per_user) allows: on-demand rooms, and rooms that
    /// were loaded from a store for its joins. All anonymous users at one address count as one user.
    #[error(
        "too many rooms are present because of the user (on_demand_rooms_per_user = {limit}): leave some of them and wait until \
         they are gone, or raise the limit"
    )]
    OnDemandRoomsPerUser {
        /// The maximum number of rooms that are present because of one user.
        limit: usize,
    },
    /// The client is in [`Limits::rooms_per_client`](crate::Limits::rooms_per_client) rooms.
    #[error("the client is in too many rooms (rooms_per_client = {limit}): leave a room, or raise the limit")]
    RoomsPerClient {
        /// The maximum number of rooms that a client may be in.
        limit: usize,
    },
    /// The client would have more than
    /// [`Limits::subscriptions_per_client`](crate::Limits::subscriptions_per_client) subscriptions.
    #[error(
        "the client has too many subscriptions (subscriptions_per_client = {limit}): unsubscribe from events, or raise \
         the limit"
    )]
    SubscriptionsPerClient {
        /// The maximum number of subscriptions of a client, over all its rooms.
        limit: usize,
    },
    /// The user's clients have created as many rooms of the family as its option `client_created` allows. All anonymous
    /// users at one address count as one user.
    #[error("the user has created too many rooms of this family (client_created = {limit}): delete one of them")]
    ClientCreated {
        /// The maximum number of rooms of the family that the clients of one user may create.
        limit: usize,
    },
    /// The event is larger than half of [`Limits::queue_bytes`](crate::Limits::queue_bytes).
    #[error("the event has {bytes} bytes, but at most {limit} are allowed (half of queue_bytes)")]
    EventBytes {
        /// The size of the event's frame, in bytes.
        bytes: usize,
        /// The maximum size, in bytes: half of `queue_bytes`.
        limit: usize,
    },
    /// A page of history by position skips too many events for several `load_history` hooks.
    #[error("the page skips more than {limit} events, and several `load_history` hooks keep them: page by `before`")]
    HistorySkip {
        /// The maximum number of events to skip.
        limit: usize,
    },
    /// Hooks and handlers call each other more than [`Limits::handler_depth`](crate::Limits::handler_depth) deep.
    #[error(
        "hooks and handlers call each other too deeply (handler_depth = {limit}): look for one that leads to itself"
    )]
    HandlerDepth {
        /// The maximum depth.
        limit: usize,
    },
}
