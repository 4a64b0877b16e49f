//! People who are together in one room, with the Rust client and with JavaScript clients.

use super::ledger::{Ledger, Log, Verdict};
use super::node::Nodes;
use super::old_client::{NodePerson, Version};
use super::person::{Person, everything};
use super::until_heard;

/// Everybody in a room. All of them talk from the beginning.
pub(crate) struct Company {
    pub(crate) ledger: Ledger,
    room: String,
    people: Vec<Person>,
    scripts: Vec<NodePerson>,
}

impl Company {
    /// A room without people yet.
    pub(crate) fn in_room(room: &str) -> Self {
        Self {
            ledger: Ledger::default(),
            room: room.to_owned(),
            people: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// A person with the Rust client on each node, and one with the old JavaScript client on one of them. They talk.
    pub(crate) async fn on_each_node(nodes: &Nodes, room: &str) -> Self {
        let mut company = Self::in_room(room);
        for node in &nodes.nodes {
            company.person(&node.url()).await;
        }
        company.script(Version::Old, &nodes.nodes[0].url()).await;
        company.talk();
        company
    }

    /// One more person with the Rust client.
    pub(crate) async fn person(&mut self, url: &str) {
        let name = format!("user-{}", self.people.len());
        self.people
            .push(Person::enter(url, &name, &self.room, &self.ledger).await);
    }

    /// One more person with a JavaScript client.
    pub(crate) async fn script(&mut self, version: Version, url: &str) {
        let name = format!("{version:?}-{}", self.scripts.len());
        self.scripts
            .push(NodePerson::enter(version, url, &name, &self.room, &self.ledger).await);
    }

    /// Everybody begins to talk.
    pub(crate) fn talk(&mut self) {
        self.people.iter_mut().for_each(Person::talk);
        self.scripts.iter_mut().for_each(NodePerson::talk);
    }

    /// Everybody says a last word, everybody hears what is said after that, and all nodes have the same log. Prints what
    /// the ledger finds in it, and panics if it is not clean.
    pub(crate) async fn conclude(mut self, name: &str, nodes: &Nodes, kind: Log) -> Verdict {
        for script in &mut self.scripts {
            script.fall_silent().await;
        }
        futures_util::future::join_all(self.people.iter().map(Person::fall_silent)).await;
        until_heard(&self.people[0], &self.ledger).await;
        let mut logs = Vec::new();
        for node in &nodes.nodes {
            logs.push(everything(&node.url(), &self.room).await);
        }
        let verdict = self.ledger.verdict(&logs[0], kind);
        println!("summary: {name}: {verdict}");
        verdict.must_be_clean();
        assert!(logs.iter().all(|log| *log == logs[0]), "the nodes have different logs");
        for script in &self.scripts {
            assert_eq!(script.errors(), [""; 0], "of JavaScript clients");
        }
        verdict
    }

    /// Nobody lost a connection.
    #[track_caller]
    pub(crate) fn is_still_connected(ledger: &Ledger) {
        assert_eq!(ledger.disconnects(), [""; 0], "connections stay open");
    }
}
