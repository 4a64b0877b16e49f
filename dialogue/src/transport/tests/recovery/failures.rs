//! The steps in which a store fails, events expire, or the process ends.

use std::time::Duration;

use proptest::sample::Index;
use serde_json::json;

use super::steps::{Between, Claim, Ending, Keyed, ROOMS, StoreFault};
use super::stores::TestStore;
use super::{World, server, triggered};
use crate::TriggerError;
use crate::calls::CreateRoomError;
use crate::transport::tests::model::EVENTS;
use crate::transport::tests::{Plenty, Scarce, find_room, settle};

impl World {
    /// Triggers as a client while the store fails.
    pub(super) async fn fail_by(&mut self, client: usize, room: &'static str, event: &str, fault: StoreFault) {
        let number = self.number();
        self.store().fail(fault);
        self.ask(client, room, triggered(event, number)).await;
        self.store().heal();
        if self.model.may_trigger(client, room) {
            let code = match fault {
                StoreFault::Refuses => "UNAVAILABLE",
                StoreFault::Loses | StoreFault::Hides => "OUTCOME_UNKNOWN",
            };
            self.model.refuse(client, code);
            self.recover(room, event, number, fault).await;
        }
    }

    /// Triggers as the server while the store fails.
    pub(super) async fn fail(&mut self, id: &'static str, event: &str, fault: StoreFault) {
        let Some(room) = find_room(&self.dialogue, id).await else {
            return;
        };
        let number = self.number();
        self.store().fail(fault);
        let outcome = match event {
            "scarce" => room.trigger(Scarce { number }).await,
            _ => room.trigger(Plenty { number }).await,
        };
        self.store().heal();
        match fault {
            StoreFault::Refuses => assert!(matches!(outcome, Err(TriggerError::NotAccepted(_))), "{outcome:?}"),
            StoreFault::Loses | StoreFault::Hides => {
                assert!(matches!(outcome, Err(TriggerError::Unknown(_))), "{outcome:?}");
            }
        }
        self.recover(id, event, number, fault).await;
    }

    fn store(&mut self) -> &mut dyn TestStore {
        &mut **self.store.as_mut().expect("a store")
    }

    /// The store works again. An event of unknown outcome that it has reaches its readers then. Returns its number.
    async fn recover(&mut self, room: &'static str, event: &str, number: u64, fault: StoreFault) -> Option<u64> {
        settle().await;
        self.store().recover();
        tokio::time::sleep(Duration::from_secs(2)).await;
        match fault {
            StoreFault::Hides => self.model.trigger(room, event, number),
            StoreFault::Refuses | StoreFault::Loses => None,
        }
    }

    /// Triggers with a key, and repeats that. The event takes place once.
    pub(super) async fn keyed(&mut self, keyed: Keyed) {
        let (client, fault) = (keyed.client, keyed.fault);
        let (id, event, number) = (ROOMS[keyed.room].0, EVENTS[keyed.event].0, self.number());
        let mut trigger = triggered(event, number);
        trigger["key"] = json!(format!("key {number}"));
        if let Some(fault) = fault {
            self.store().fail(fault);
        }
        self.ask(client, id, trigger.clone()).await;
        if fault.is_some() {
            self.store().heal();
        }
        if !self.model.may_trigger(client, id) {
            return;
        }
        let mut stored = None;
        match fault {
            None => {
                stored = self.model.trigger(id, event, number);
                self.model.confirm(client, stored.expect("a number"));
            }
            Some(_) => self.model.refuse(client, "UNAVAILABLE"),
        }
        self.read_all(client).await;
        let player = &self.players[client];
        let first = json!({ "clientId": player.id, "epoch": player.rooms[id].epoch });
        if let Between::Restart(ending) = keyed.between {
            self.restart(ending).await;
            if fault == Some(StoreFault::Hides) {
                stored = self.model.trigger(id, event, number);
            }
        } else if let Some(fault) = fault {
            stored = self.recover(id, event, number, fault).await;
        }
        if keyed.between != Between::Nothing {
            self.read_all(client).await;
            self.players[client].peer = None;
            self.model.clients[client].disconnect(&self.players[client]);
            let resume = self.players[client].resume.clone();
            self.connect(client, resume.as_deref()).await;
        }
        if keyed.rejoins {
            self.join(client, id, None, Claim::Truth).await;
        }
        let is_known = first["epoch"] == *self.model.rooms[id].epoch;
        trigger["repeats"] = first;
        self.ask(client, id, trigger).await;
        match stored {
            _ if !is_known => self.model.refuse(client, "OUTCOME_UNKNOWN"),
            Some(seq) => self.model.confirm(client, seq),
            None => self.model.trigger_by(client, id, event, number),
        }
    }

    /// Ends the process and starts it again. Every connection is lost, with what it has not read.
    pub(super) async fn restart(&mut self, ending: Ending) {
        for client in 0..self.players.len() {
            self.players[client].peer = None;
            self.model.clients[client].disconnect(&self.players[client]);
        }
        if ending == Ending::Stop {
            self.dialogue.stop().await.expect("the server stops in order");
        }
        self.store().reopen(ending);
        let store = self.store().durable();
        for (id, room) in &mut self.model.rooms {
            let stored = store.room(&(*id).into()).await.expect("a room");
            let epoch = stored.key.epoch.to_string();
            assert_eq!(
                epoch != room.epoch,
                ending == Ending::Reboot,
                "{epoch} follows {}",
                room.epoch
            );
            room.epoch = epoch;
        }
        self.dialogue = server(Some(store), &self.denying, &self.evicted);
        settle().await;
    }

    /// Lets events expire. The hook takes them, and they are removed.
    pub(super) async fn expire(&mut self, id: &'static str, through: Index) {
        let Some(room) = self.model.rooms.get(id) else {
            return;
        };
        let through = through.index(room.top() as usize + 1) as u64;
        let due: Vec<u64> = room.kept_through(through).collect();
        self.store().let_expire(id, through);
        tokio::time::sleep(Duration::from_secs(11)).await;
        let evicted = self.evicted.lock();
        let of_room = evicted.iter().filter(|batch| *batch.room_id == *id);
        let taken: Vec<_> = of_room
            .flat_map(|batch| &batch.messages)
            .filter_map(|event| event.seq)
            .collect();
        assert!(
            due.iter().all(|seq| taken.contains(seq)),
            "{due:?} are due, and {taken:?} were taken"
        );
    }

    /// Deletes or creates a room while the store fails, and repeats that. It takes effect once.
    pub(super) async fn fail_toggle(&mut self, room: usize, fault: StoreFault, ending: Option<Ending>) {
        let id = ROOMS[room].0;
        let exists = self.model.rooms.contains_key(id);
        self.store().fail(fault);
        if exists {
            self.dialogue.delete_room(id).await.expect_err("the store fails");
        } else {
            let outcome = self.create(room).await;
            assert!(matches!(outcome, Err(CreateRoomError::NotAccepted(_))), "{outcome:?}");
        }
        self.store().heal();
        match ending {
            Some(ending) => {
                if exists && fault == StoreFault::Hides {
                    self.model.rooms.remove(id);
                }
                self.restart(ending).await;
            }
            None => {
                settle().await;
                self.store().recover();
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
        match (fault, exists) {
            (StoreFault::Refuses | StoreFault::Loses, _) => self.toggle(room).await,
            // The server that is told so late has the room until then.
            (StoreFault::Hides, true) => {
                let repeated = self.dialogue.delete_room(id).await.expect("a deletion");
                assert_eq!(repeated, ending.is_none());
                self.model.delete(id);
            }
            (StoreFault::Hides, false) => {
                let outcome = self.create(room).await;
                assert!(matches!(outcome, Err(CreateRoomError::Exists { .. })), "{outcome:?}");
                let found = find_room(&self.dialogue, id).await.expect("the room");
                let room = self.new_room(room, found.epoch());
                self.model.rooms.insert(id, room);
            }
        }
    }
}
