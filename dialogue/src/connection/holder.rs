//! Who holds a share of something that all clients share, such as idempotency keys or on-demand rooms.
//!
//! Owns no share. The part of the server that gives one out counts it by its holder.

use std::net::{IpAddr, Ipv6Addr};

use crate::id::UserId;

/// How many bits of an IPv6 address identify one subscriber of a network. A subscriber chooses the others.
const SUBSCRIBER_BITS: u32 = 64;

/// Who holds a share. Anyone can become another anonymous user at any time, but not easily another address. Cheap to
/// clone and to hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// A user, with all its connections.
    User(UserId),
    /// All anonymous users at one network address. Of an IPv6 address, only the first 64 bits count.
    Address(IpAddr),
}

impl Holder {
    /// The holder of what a connection of this user takes. Without the address of its peer, an anonymous user is a holder
    /// of its own.
    pub(crate) fn of(user_id: &UserId, anonymous: bool, peer: Option<IpAddr>) -> Self {
        match peer {
            Some(peer) if anonymous => Self::Address(subscriber(peer)),
            _ => Self::User(user_id.clone()),
        }
    }
}

impl Holder {
    /// The text that a store keeps.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::User(user) => format!("user:{user}"),
            Self::Address(address) => format!("address:{address}"),
        }
    }

    /// Reads the text that a store has kept.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("user", user) => Some(Self::User(user.into())),
            ("address", address) => Some(Self::Address(address.parse().ok()?)),
            _ => None,
        }
    }
}

/// The part of an address that identifies one subscriber of a network.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - SUBSCRIBER_BITS))).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(user: &str, anonymous: bool, peer: Option<&str>) -> Holder {
        let peer = peer.map(|address| address.parse().expect("an address"));
        Holder::of(&user.into(), anonymous, peer)
    }

    #[test]
    fn a_holder_reads_back_from_its_text() {
        for holder in [
            holder("a:b", false, None),
            holder("", true, Some("10.0.0.1")),
            holder("", true, Some("2001:db8::1")),
        ] {
            assert_eq!(Holder::from_text(&holder.to_text()), Some(holder));
        }
        assert_eq!(Holder::from_text("address:nowhere"), None);
    }

    #[test]
    fn a_user_is_one_holder_at_every_address() {
        let at = |peer| holder("ada", false, peer);
        assert_eq!(at(Some("10.0.0.1")), at(Some("10.0.0.2")));
        assert_eq!(at(Some("10.0.0.1")), at(None));
    }

    #[test]
    fn anonymous_users_at_one_address_are_one_holder() {
        let at = |user, peer| holder(user, true, Some(peer));
        assert_eq!(at("anonymous-1", "10.0.0.1"), at("anonymous-2", "10.0.0.1"));
        assert_eq!(at("anonymous-1", "10.0.0.1"), at("anonymous-2", "::ffff:10.0.0.1"));
        assert_ne!(at("anonymous-1", "10.0.0.1"), at("anonymous-1", "10.0.0.2"));
        assert_ne!(at("ada", "10.0.0.1"), holder("ada", false, Some("10.0.0.1")));
    }

    #[test]
    fn of_an_ipv6_address_the_network_counts() {
        let at = |peer| holder("anonymous-1", true, Some(peer));
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    }

    #[test]
    fn an_anonymous_user_without_an_address_is_its_own_holder() {
        assert_eq!(holder("anonymous-1", true, None), holder("anonymous-1", true, None));
        assert_ne!(holder("anonymous-1", true, None), holder("anonymous-2", true, None));
    }
}
