//! The limit on the connections of each network address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

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
        let address = address.to_canonical();
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
