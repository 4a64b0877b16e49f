//! The shares of rooms: what each room that exists because of a client counts against, and the limits on that.

use super::account::{Account, LoadedFor};
use super::registry::{Blueprint, NotAdded, Present, Rooms};
use crate::connection::Holder;
use crate::limit_exceeded::LimitExceeded;
use crate::room::{Origin, RoomCell, RoomDeclaration};

/// The part of all rooms, as its divisor, that is kept for the server. Clients alone can then never take all rooms.
const RESERVE: usize = 10;

impl Rooms {
    /// Counts a room that exists because of a client, unless a limit forbids it.
    pub(super) fn charge(&self, present: &mut Present, room: &RoomCell, account: Account) -> Result<(), LimitExceeded> {
        self.check_clients(present)?;
        let (limit, exceeded) = match &account {
            Account::Created(..) => {
                let limit = room.template.family.client_created.unwrap_or(0);
                (limit, LimitExceeded::ClientCreated { limit })
            }
            Account::OnDemand(_) => {
                let limit = self.on_demand_per_holder;
                (limit, LimitExceeded::OnDemandRoomsPerUser { limit })
            }
        };
        // No entry is added for an account that may have no room.
        if present.held.get(&account).copied().unwrap_or(0) >= limit {
            return Err(exceeded);
        }
        *present.held.entry(account).or_default() += 1;
        present.of_clients += 1;
        Ok(())
    }

    /// Whether one more room that exists because of a client fits into this process.
    fn check_clients(&self, present: &Present) -> Result<(), LimitExceeded> {
        let limit = self.max_rooms - self.max_rooms / RESERVE;
        if present.of_clients >= limit {
            return Err(LimitExceeded::RoomsOfClients { limit });
        }
        Ok(())
    }

    /// Counts a stored room in this process. If a client has created it, it counts for its holder already.
    pub(super) fn charge_loaded(
        &self,
        present: &mut Present,
        room: &RoomCell,
        loaded_for: LoadedFor<'_>,
    ) -> Result<(), LimitExceeded> {
        let is_of_client = self.account(room).is_some();
        if !matches!(loaded_for, LoadedFor::Deletion)
            && let Err(NotAdded::LimitExceeded(exceeded)) = self.check_space(present)
        {
            return Err(exceeded);
        }
        match loaded_for {
            LoadedFor::Client(client) => {
                let share = Account::OnDemand(client.holder());
                self.charge(present, room, share.clone())?;
                present.loaded_for.insert(room.id.clone(), share);
            }
            _ if !is_of_client => {}
            LoadedFor::Expiry => {
                self.check_clients(present)?;
                present.of_clients += 1;
            }
            LoadedFor::Server | LoadedFor::Deletion => present.of_clients += 1,
        }
        Ok(())
    }

    /// The account of a stored room of a family.
    pub(super) fn account_of_stored(&self, declared: &'static RoomDeclaration, holder: Holder) -> Option<Account> {
        let is_it = |family: &Blueprint| std::ptr::eq(family.declaration, declared);
        let place = self.families.iter().position(is_it)?;
        Some(Account::Created(place, holder))
    }

    /// What a room counts against, if it exists because of a client.
    pub(super) fn account(&self, room: &RoomCell) -> Option<Account> {
        let holder = room.holder.clone()?;
        match room.origin {
            Origin::Server => None,
            Origin::OnDemand => Some(Account::OnDemand(holder)),
            // Finds the family by its declaration, because parsing the id would run the application's code under a lock.
            Origin::Client | Origin::Anonymous => self.account_of_stored(room.template.declaration?, holder),
        }
    }
}
