//! The limit on the connections of each network address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::holder::subscriber;

/// The number of connections of each address. A server has one, however many routers and addresses it has.
#[derive(Debug)]
pub(crate) struct AddressQuota {
    /// How many connections an address may have, if that is bounded.
    quota: Option<usize>,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection in the count of its address. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct AddressSlot {
    addresses: Arc<AddressQuota>,
    address: IpAddr,
}

impl AddressQuota {
    pub(crate) fn new(quota: Option<usize>) -> Self {
        Self {
            quota,
            counts: Mutex::default(),
        }
    }

    /// Counts one more connection of an address. `None` if it has as many as it may have.
    pub(crate) fn reserve(self: &Arc<Self>, address: IpAddr) -> Option<AddressSlot> {
        let address = subscriber(address);
        let mut counts = self.counts.lock();
        let count = counts.get(&address).copied().unwrap_or(0);
        if self.quota.is_some_and(|quota| count >= quota) {
            return None;
        }
        counts.insert(address, count + 1);
        Some(AddressSlot {
            addresses: Arc::clone(self),
            address,
        })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_subscriber_share_a_quota() {
        let addresses = Arc::new(AddressQuota::new(Some(1)));
        let reserve = |address: &str| addresses.reserve(address.parse().expect("an address"));
        let slot = reserve("2001:db8::1");
        assert!(slot.is_some() && reserve("2001:db8::2").is_none());
        assert!(reserve("2001:db8:0:1::1").is_some() && reserve("10.0.0.1").is_some());
        drop(slot);
        assert!(reserve("2001:db8::2").is_some());
    }
}
