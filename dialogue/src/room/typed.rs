//! Rooms as types: the traits by which the compiler knows which event may go where.

use std::marker::PhantomData;

use super::RoomDeclaration;
use crate::id::RoomId;

/// Something that names one room: a room type, a family's value or an id, which mean the room that has the id now, or a
/// `RoomHandle`, which means its very room.
pub trait RoomRef {
    /// The room's id.
    fn room_id(&self) -> RoomId;

    /// The incarnation that is meant, where it is a particular one.
    #[doc(hidden)]
    fn room_epoch(&self) -> Option<&str> {
        None
    }
}

impl RoomRef for &str {
    fn room_id(&self) -> RoomId {
        RoomId::from(*self)
    }
}

impl RoomRef for RoomId {
    fn room_id(&self) -> RoomId {
        self.clone()
    }
}

impl RoomRef for &RoomId {
    fn room_id(&self) -> RoomId {
        RoomId::clone(self)
    }
}

/// A room type that [`rooms!`](crate::rooms) declares: a unit struct for a single room, a struct with the id's fields
/// for a family.
pub trait Room: RoomRef + Clone + Send + Sync + 'static {
    /// What was declared.
    #[doc(hidden)]
    const DECLARATION: &'static RoomDeclaration;

    /// What was declared.
    #[doc(hidden)]
    fn declaration() -> &'static RoomDeclaration {
        Self::DECLARATION
    }

    /// The value whose id is `id`; `None` if it is not an id of this room or family.
    fn from_id(id: &str) -> Option<Self>;
}

/// The room allows the server to trigger `E`.
#[diagnostic::on_unimplemented(
    message = "room `{Self}` does not allow event `{E}`",
    label = "`{E}` is not an event of `{Self}`",
    note = "to let the server and the clients in the room trigger it, add `{E}` to `events` of `{Self}` in `rooms! {{ … }}`",
    note = "to let only the server trigger it, add `{E}` to `server_events`"
)]
pub trait Allows<E>: RoomRef {}

/// Nothing implements this. It is the bound of impls that are there so that the compiler speaks of the id, and not of an
/// event, where an id stands in a room's place.
#[diagnostic::on_unimplemented(
    message = "an id does not tell the compiler which events its room allows",
    label = "expected a room, found an id",
    note = "write the room's type, such as `Chat`, or a room of a family, such as `Project {{ id: 7 }}`",
    note = "for a room that is known only at run time, use the `RoomHandle` that `dialogue.room(id)` returns"
)]
#[doc(hidden)]
pub trait RoomOf<Id> {}

/// Whom the bound is about: were it the id, rustc would tell of the event all the same.
#[doc(hidden)]
#[derive(Debug)]
pub struct ARoom;

#[doc(hidden)]
impl<'a, E> Allows<E> for &'a str where ARoom: RoomOf<&'a str> {}

#[doc(hidden)]
impl<'a, E> Allows<E> for &'a RoomId where ARoom: RoomOf<&'a RoomId> {}

/// Nothing implements this. It is the bound of impls that are there so that the compiler speaks of rooms, and not of an event,
/// where all of a family stand in one's place.
#[diagnostic::on_unimplemented(
    message = "expected one room, found every room of a family",
    label = "expected one room",
    note = "`every()` is only for listening: write one room of the family here, such as `Project {{ id: 7 }}`"
)]
#[doc(hidden)]
pub trait OneOf<Rooms> {
    /// The one.
    fn room_id(rooms: &Rooms) -> RoomId;
}

#[doc(hidden)]
impl<R> RoomRef for Every<R>
where
    ARoom: OneOf<Self>,
{
    fn room_id(&self) -> RoomId {
        ARoom::room_id(self)
    }
}

#[doc(hidden)]
impl<R, E> Allows<E> for Every<R> where ARoom: OneOf<Self> {}

/// The room allows its clients to trigger `E`.
#[diagnostic::on_unimplemented(
    message = "clients may not trigger event `{E}` in room `{Self}`",
    label = "`{E}` is not an event that clients may trigger in `{Self}`",
    note = "add `{E}` to `events` of `{Self}` in `rooms! {{ … }}`; only the server may trigger the events in `server_events`"
)]
pub trait ClientAllows<E>: Allows<E> {}

/// What can be listened to for `M`: a room that allows it, a whole family ([`Every`]) or a `RoomHandle`.
#[diagnostic::on_unimplemented(
    message = "room `{Self}` does not allow event `{M}`",
    label = "`{M}` never happens in `{Self}`",
    note = "add `{M}` to `events` or `server_events` of `{Self}` in `rooms! {{ … }}`, or listen for an event that it allows"
)]
pub trait Listen<M> {
    /// Which rooms are meant.
    #[doc(hidden)]
    fn scope(&self) -> ListenScope;
}

/// Which rooms a subscription hears.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub enum ListenScope {
    /// The one with this id.
    Room(RoomId),
    /// Every member of a declared family.
    Family(&'static RoomDeclaration),
}

impl<M, R: Room + Allows<M>> Listen<M> for R {
    fn scope(&self) -> ListenScope {
        ListenScope::Room(self.room_id())
    }
}

/// Every room of a family: what `Project::every()` returns.
pub struct Every<R>(PhantomData<fn() -> R>);

impl<R> Every<R> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for Every<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for Every<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Every<R> {}

impl<R> std::fmt::Debug for Every<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Every")
    }
}

impl<M, R: Room + Allows<M>> Listen<M> for Every<R> {
    fn scope(&self) -> ListenScope {
        ListenScope::Family(R::declaration())
    }
}
