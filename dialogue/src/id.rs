//! Ids: newtypes over a shared string, cheap to clone.
//!
//! Owns the form of an id. The modules of rooms, clients and events assign the ids.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A shared string: cheap to clone. It dereferences to `str` and compares with `str`.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&$name> for $name {
            fn from(id: &$name) -> Self {
                id.clone()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl PartialEq<$name> for str {
            fn eq(&self, other: &$name) -> bool {
                *self == *other.0
            }
        }

        impl PartialEq<$name> for &str {
            fn eq(&self, other: &$name) -> bool {
                **self == *other.0
            }
        }
    };
}

string_id! {
    /// The id of one connection. The server assigns it. It is unique for the lifetime of the server and never reused.
    ClientId
}

string_id! {
    /// The id of a user. A user may have several clients. [`UserId::SYSTEM`] is the server itself.
    UserId
}

string_id! {
    /// The id of a room: 1–128 bytes of `[A-Za-z0-9_.:=@,;%-]`.
    RoomId
}

string_id! {
    /// The name of an event: 1–64 characters of `[A-Za-z0-9_.:-]`. It never starts with `dialogue:`.
    EventName
}

impl UserId {
    /// The sender of events that the server triggers without naming a user. No client can have this id.
    pub const SYSTEM: &'static str = "system";

    /// The longest user id, in bytes: an e-mail address or two UUIDs.
    #[cfg(any(feature = "server", all(test, any(feature = "sqlite", feature = "redis"))))]
    pub(crate) const MAX_BYTES: usize = 128;

    pub(crate) fn system() -> Self {
        Self::from(Self::SYSTEM)
    }
}

impl RoomId {
    /// The maximum length of a room id, in bytes. It has space for two UUIDs and a prefix, and it is short enough to
    /// log in full.
    pub const MAX_BYTES: usize = 128;

    /// Whether `text` is a valid room id.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= Self::MAX_BYTES
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.:=@,;%-".contains(&byte))
    }
}

impl EventName {
    /// The maximum length of an event name, in characters. It has space for `namespace:object.verb`.
    pub const MAX_CHARS: usize = 64;

    /// Whether `text` is a valid event name.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= Self::MAX_CHARS
            && !text.starts_with("dialogue:")
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
    }
}
