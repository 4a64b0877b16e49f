//! The limit on the connections of each network address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::connection::subscriber;

/// The number of connections of each address.
#[derive(Debug, Default)]
pub(super) struct AddressQuota(Mutex<HashMap<IpAddr, usize>>);

/// One connection in the count of its address. Dropping it frees the place.
pub(super) struct AddressSlot {
    addresses: Arc<AddressQuota>,
    address: IpAddr,
}

impl AddressQuota {
    pub(super) fn reserve(addresses: &Arc<Self>, address: IpAddr, quota: Option<usize>) -> Option<AddressSlot> {
        let address = subscriber(address);
        let mut counts = addresses.0.lock();
        let count = counts.get(&address).copied().unwrap_or(0);
        if quota.is_some_and(|quota| count >= quota) {
            return None;
        }
        counts.insert(address, count + 1);
        Some(AddressSlot {
            addresses: Arc::clone(addresses),
            address,
        })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock();
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
        let addresses = Arc::<AddressQuota>::default();
        let reserve = |address: &str| AddressQuota::reserve(&addresses, address.parse().expect("an address"), Some(1));
        let slot = reserve("2001:db8::1");
        assert!(slot.is_some() && reserve("2001:db8::2").is_none());
        assert!(reserve("2001:db8:0:1::1").is_some() && reserve("10.0.0.1").is_some());
        drop(slot);
        assert!(reserve("2001:db8::2").is_some());
    }
}
