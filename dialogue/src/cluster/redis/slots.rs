//! Which server of a Redis Cluster has which slots. Pure.

use std::collections::HashMap;

use redis::Value;

use super::address::Address;
use super::hash_tag::SLOTS;

/// The primaries of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// First and last slot, ordered. They do not overlap.
    ranges: Vec<(u16, u16, Address)>,
    /// What servers have said since the ranges were read.
    moved: HashMap<u16, Address>,
}

impl Slots {
    /// Reads the reply to `CLUSTER SLOTS` of the server with this address. `None` if it is no such reply. Servers whose
    /// address is unknown are left out.
    pub(super) fn parse(reply: &Value, asked: &Address) -> Option<Self> {
        let Value::Array(entries) = reply else { return None };
        let mut ranges = Vec::new();
        for entry in entries {
            let Value::Array(entry) = entry else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = &entry[..] else {
                return None;
            };
            let [host, Value::Int(port), ..] = &primary[..] else {
                return None;
            };
            let host = match host {
                Value::Nil => "",
                Value::BulkString(host) => std::str::from_utf8(host).ok()?,
                Value::SimpleString(host) => host,
                _ => return None,
            };
            if host == "?" {
                continue;
            }
            let address = Address::Tcp {
                host: host.to_owned(),
                port: (*port).try_into().ok()?,
            };
            let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
            ranges.push((first, last, complete(address, asked)));
        }
        ranges.sort_unstable_by_key(|(first, ..)| *first);
        Some(Self {
            ranges,
            moved: HashMap::new(),
        })
    }

    /// The server that has a slot, if it is known.
    pub(super) fn of(&self, slot: u16) -> Option<&Address> {
        if let Some(moved) = self.moved.get(&slot) {
            return Some(moved);
        }
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, address) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(address)
    }

    /// A server has said where a slot is.
    pub(super) fn set_moved(&mut self, slot: u16, address: Address) {
        self.moved.insert(slot, address);
    }

    /// All servers that have slots, each once or more.
    pub(super) fn servers(&self) -> impl Iterator<Item = &Address> {
        self.ranges
            .iter()
            .map(|(.., address)| address)
            .chain(self.moved.values())
    }

    /// Whether each slot has a server.
    pub(super) fn is_complete(&self) -> bool {
        let mut next = 0;
        for (first, last, _) in &self.ranges {
            if *first > next {
                return false;
            }
            next = next.max(last.saturating_add(1));
        }
        next >= SLOTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// A server that does not know its own host means the one that it was asked under.
pub(super) fn complete(address: Address, asked: &Address) -> Address {
    match (address, asked) {
        (Address::Tcp { host, port }, Address::Tcp { host: asked, .. }) if host.is_empty() || host == "0.0.0.0" => {
            Address::Tcp {
                host: asked.clone(),
                port,
            }
        }
        (address, _) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    fn entry(first: i64, last: i64, host: Value, port: i64) -> Value {
        let primary = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary])
    }

    #[test]
    fn finds_the_server_of_a_slot() {
        let reply = Value::Array(vec![
            entry(5_461, 10_922, Value::BulkString(b"10.0.0.2".to_vec()), 2),
            entry(0, 5_460, Value::Nil, 1),
            entry(10_923, 10_999, Value::BulkString(b"".to_vec()), 3),
            entry(11_000, 11_000, Value::BulkString(b"?".to_vec()), 4),
        ]);
        let mut slots = Slots::parse(&reply, &tcp("asked", 9)).unwrap();
        for (slot, address) in [
            (0, Some(tcp("asked", 1))),
            (5_460, Some(tcp("asked", 1))),
            (5_461, Some(tcp("10.0.0.2", 2))),
            (10_923, Some(tcp("asked", 3))),
            (11_000, None),
            (16_383, None),
        ] {
            assert_eq!(slots.of(slot), address.as_ref(), "{slot}");
        }
        slots.set_moved(5_460, tcp("x", 1));
        assert_eq!(slots.of(5_460), Some(&tcp("x", 1)));
        assert_eq!(slots.of(5_459), Some(&tcp("asked", 1)));
        assert_eq!(Slots::parse(&Value::Nil, &tcp("a", 1)), None);
    }
}
