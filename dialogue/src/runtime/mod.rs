//! The running server without its sockets.
//!
//! [`core`] is made of parts that own their invariants: [`clients`], [`rooms`], [`history`], [`handlers`], [`continuity`],
//! [`lifecycle`], [`observe`]. [`publish`], [`membership`] and [`hooks`] act on them; [`build`] makes them; [`api`] is
//! what applications call. Imports between files point one way.

mod api;
mod application;
mod begin;
mod build;
mod clients;
mod clock;
mod continuity;
mod core;
mod deadline;
mod erase;
mod erased;
mod first_contact;
mod handlers;
mod history;
mod hooks;
mod lifecycle;
mod membership;
mod observe;
mod outage;
mod publish;
mod rooms;
mod stop;

pub use self::api::dialogue::{CreateRoom, Revoked};
pub use self::api::here::{Here, RoomHere};
pub use self::api::trigger::Trigger;
pub use self::api::user_rooms::UserRooms;
pub use self::api::weak::WeakDialogue;
pub use self::build::builder::Builder;
pub use self::build::check::BuildError;
pub use self::build::limits::InvalidLimits;
pub use self::core::{Client, Dialogue, RoomHandle};
pub use self::handlers::subscription::{EventStream, StreamError, Subscription};
pub use self::history::error::{EraseError, HistoryError};
pub use self::hooks::arguments::{Arrival, ConnectionEnd, Left, WebOrigin};
pub use self::membership::join_error::JoinError;
pub use self::observe::observation::{LeaveReason, Observation, ObservedEvent};
pub use self::observe::observers::ObserveError;
pub use self::observe::stats::{ByCode, HistorySize, Stats, StoreStats};
pub use self::observe::stream::{Lagged, Observations};
pub use self::rooms::create::CreateRoomError;
pub use self::rooms::load::RoomUnavailable;

pub(crate) use self::clients::ReplySpace;
pub(crate) use self::continuity::idempotency::{KeyedTrigger, NotRun};
pub(crate) use self::continuity::recall::{is_stored, recall};
pub(crate) use self::continuity::resume::{EarlierConnection, ResumableConnection};
pub(crate) use self::core::Core;
pub(crate) use self::history::page::page;
#[cfg(feature = "server")]
pub(crate) use self::hooks::recursion::as_task_of;
pub(crate) use self::hooks::recursion::is_inside;
#[cfg(feature = "server")]
pub(crate) use self::lifecycle::{Lifecycle, ListenerEnd};
pub(crate) use self::membership::delete_by_id::{ClientDeleteError, delete_for};
pub(crate) use self::membership::join::{JoinRequest, join};
pub(crate) use self::membership::leave::{disconnect, leave, replace};
pub(crate) use self::membership::recheck::{RoomRecheck, recheck_rooms};
#[cfg(test)]
pub(crate) use self::membership::renewal::renew;
pub(crate) use self::membership::subscribe::{subscribe, subscribe_all, unsubscribe};
pub(crate) use self::observe::emit::Involved;
pub(crate) use self::observe::log_line::{Names, log_line};
pub(crate) use self::outage::outage;
pub(crate) use self::publish::draft::{Draft, Rejected};
pub(crate) use self::publish::trigger::by_client;
pub(crate) use self::rooms::announce::info;
pub(crate) use self::rooms::create::{ClientCreateError, create_for};
pub(crate) use self::rooms::load::{find_for_client, list};
pub(crate) use self::stop::{EndedByForce, stop};
#[cfg(feature = "inspector")]
pub(crate) use self::{
    clock::wall_clock,
    observe::bounded::Bounded,
    observe::observers::{Observer, Registration},
    publish::trigger::by_server,
};
