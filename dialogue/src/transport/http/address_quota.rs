//! The limit on the connections of each network address.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::runtime::{Clients, ghost_among};

/// How long a lost connection may take from its close until its place is free.
const GHOST_ENDS: Duration = Duration::from_secs(3);

/// The number of connections of each address.
#[derive(Debug, Default)]
pub(super) struct AddressQuota {
    addresses: Mutex<Addresses>,
    /// Notified when a place is free again.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Addresses {
    counts: HashMap<IpAddr, usize>,
    /// The addresses whose connections are being pinged.
    probing: HashSet<IpAddr>,
}

/// One connection in the count of its address. Dropping it frees the place.
pub(super) struct AddressSlot {
    quota: Arc<AddressQuota>,
    address: IpAddr,
}

/// A search for lost connections of an address. There is one at a time, because it costs a look at every client.
struct Probing<'a> {
    quota: &'a AddressQuota,
    address: IpAddr,
}

impl AddressQuota {
    /// Takes a place for one more connection, of which there may be `max`. At the limit, finds out whether a connection of
    /// the address is lost, and waits for its place. Returns `None` if all answer.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        clients: &Clients,
        address: IpAddr,
        max: Option<usize>,
    ) -> Option<AddressSlot> {
        let address = address.to_canonical();
        match self.try_reserve(address, max) {
            Some(slot) => Some(slot),
            None => Box::pin(self.reserve_of_ghost(clients, address, max)).await,
        }
    }

    fn try_reserve(self: &Arc<Self>, address: IpAddr, max: Option<usize>) -> Option<AddressSlot> {
        let mut addresses = self.addresses.lock();
        let count = addresses.counts.get(&address).copied().unwrap_or(0);
        if max.is_some_and(|max| count >= max) {
            return None;
        }
        addresses.counts.insert(address, count + 1);
        Some(AddressSlot {
            quota: Arc::clone(self),
            address,
        })
    }

    async fn reserve_of_ghost(
        self: &Arc<Self>,
        clients: &Clients,
        address: IpAddr,
        max: Option<usize>,
    ) -> Option<AddressSlot> {
        if !self.addresses.lock().probing.insert(address) {
            return None;
        }
        let _probing = Probing { quota: self, address };
        let mut connected = clients.all();
        connected.retain(|client| client.peer.is_some_and(|peer| peer.ip().to_canonical() == address));
        ghost_among(&connected).await?;
        let place = async {
            loop {
                let mut freed = pin!(self.freed.notified());
                freed.as_mut().enable();
                if let Some(slot) = self.try_reserve(address, max) {
                    return slot;
                }
                freed.await;
            }
        };
        timeout(GHOST_ENDS, place).await.ok()
    }
}

impl Drop for Probing<'_> {
    fn drop(&mut self) {
        self.quota.addresses.lock().probing.remove(&self.address);
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut addresses = self.quota.addresses.lock();
        if let Some(count) = addresses.counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.counts.remove(&self.address);
            }
        }
        drop(addresses);
        self.quota.freed.notify_waiters();
    }
}
