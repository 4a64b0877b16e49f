//! Rooms as types: the traits that tell the compiler which events each room allows.

use std::marker::PhantomData;

use super::RoomDeclaration;
use crate::id::RoomId;

/// A value that names one room.
///
/// A room type, a value of a family, and an id mean the room that has the id now. A `RoomHandle` means exactly the room
/// that it was created for, even if another room has the same id later.
pub trait RoomRef {
    /// The room's id.
    fn room_id(&self) -> RoomId;

    /// Identifies the room's incarnation, if this value means one particular one.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a room type",
    label = "expected a type that `rooms!` declares, found `{Self}`",
    note = "write the room's type, such as `Chat`, or the type of a family, such as `Project`"
)]
pub trait Room: RoomRef + Clone + Send + Sync + 'static {
    /// The declaration in `rooms!`.
    #[doc(hidden)]
    const DECLARATION: &'static RoomDeclaration;

    /// The declaration in `rooms!`.
    #[doc(hidden)]
    fn declaration() -> &'static RoomDeclaration {
        Self::DECLARATION
    }

    /// Returns the value with this id. Returns `None` if `id` does not belong to this room or family.
    fn from_id(id: &str) -> Option<Self>;
}

/// A room that allows the server to trigger `E`.
#[diagnostic::on_unimplemented(
    message = "room `{Self}` does not allow event `{E}`",
    label = "`{E}` is not an event of `{Self}`",
    note = "to let the server and the clients in the room trigger it, add `{E}` to `events` of `{Self}` in `rooms! {{ … }}`",
    note = "to let only the server trigger it, add `{E}` to `server_events`"
)]
pub trait Allows<E>: RoomRef {}

/// A trait that nothing implements. It bounds impls that exist only for better errors: if a program passes an id
/// instead of a room, the compiler complains about the id, not about an event.
#[diagnostic::on_unimplemented(
    message = "an id does not tell the compiler which events its room allows",
    label = "expected a room, found an id",
    note = "write the room's type, such as `Chat`, or a room of a family, such as `Project {{ id: 7 }}`",
    note = "for a room that is known only at run time, use the `RoomHandle` that `dialogue.room(id).await` returns"
)]
#[doc(hidden)]
pub trait RoomOf<Id> {}

/// The type in the bounds of these impls. If the bound were on the id, rustc would still complain about the event.
#[doc(hidden)]
#[derive(Debug)]
pub struct ARoom;

#[doc(hidden)]
impl<'a, E> Allows<E> for &'a str where ARoom: RoomOf<&'a str> {}

#[doc(hidden)]
impl<'a, E> Allows<E> for &'a RoomId where ARoom: RoomOf<&'a RoomId> {}

/// Makes the compiler complain about the id once if a program listens to an id.
#[doc(hidden)]
impl<'a: 'static> Room for &'a str
where
    ARoom: RoomOf<&'a str>,
{
    const DECLARATION: &'static RoomDeclaration = panic!("an id declares no room");

    fn from_id(_: &str) -> Option<Self> {
        None
    }
}

/// A trait that nothing implements. It bounds impls that exist only for better errors: if a program passes every room
/// of a family instead of one, the compiler complains about the rooms, not about an event.
#[diagnostic::on_unimplemented(
    message = "expected one room, found every room of a family",
    label = "expected one room",
    note = "`every()` is only for listening: write one room of the family here, such as `Project {{ id: 7 }}`"
)]
#[doc(hidden)]
pub trait OneOf<Rooms> {
    /// The id of the one room.
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

/// A room that allows its clients to trigger `E`.
#[diagnostic::on_unimplemented(
    message = "clients may not trigger event `{E}` in room `{Self}`",
    label = "`{E}` is not an event that clients may trigger in `{Self}`",
    note = "add `{E}` to `events` of `{Self}` in `rooms! {{ … }}`; only the server may trigger the events in `server_events`"
)]
pub trait ClientAllows<E>: Allows<E> {}

/// A place to listen for `M`: a room that allows it, a whole family ([`Every`]), or a `RoomHandle`.
#[diagnostic::on_unimplemented(
    message = "room `{Self}` does not allow event `{M}`",
    label = "`{M}` never happens in `{Self}`",
    note = "add `{M}` to `events` or `server_events` of `{Self}` in `rooms! {{ … }}`, or listen for an event that it allows"
)]
pub trait Listen<M> {
    /// Returns the rooms to listen to.
    #[doc(hidden)]
    fn scope(&self) -> ListenScope;
}

/// The rooms that a subscription listens to.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub enum ListenScope {
    /// The room with this id.
    Room(RoomId),
    /// Every room of a declared family.
    Family(&'static RoomDeclaration),
}

impl<M, R: Room + Allows<M>> Listen<M> for R {
    fn scope(&self) -> ListenScope {
        ListenScope::Room(self.room_id())
    }
}

/// Every room of a family, as `Project::every()` returns it.
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
