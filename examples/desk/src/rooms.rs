//! The events and rooms of the desk.

use dialogue::prelude::*;

/// A line of a conversation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 50)]
pub struct Line {
    /// The text of the line.
    #[schemars(length(min = 1, max = 4000))]
    pub text: String,
}

/// Somebody started or stopped typing. Nobody needs to know that later, so it has no history.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// Whether they are typing now.
    pub is_typing: bool,
}

/// An agent has closed the ticket. No line follows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 1)]
pub struct Closed {
    /// The agent.
    pub by: String,
}

/// An entry in the list of an organisation's tickets.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[event(history = 100)]
pub enum Entry {
    /// A customer has opened a ticket. The number of this event (`seq`) is the number of the ticket.
    Opened {
        /// The name of the customer.
        #[schemars(length(min = 1, max = 60))]
        name: String,
        /// What the ticket is about.
        #[schemars(length(min = 1, max = 200))]
        subject: String,
    },
    /// An agent has closed a ticket.
    Closed {
        /// The number of the ticket.
        ticket: u64,
    },
}

rooms! {
    /// Every room of the desk.
    pub Rooms;

    /// One conversation with a customer. It begins when the customer or an agent joins it first.
    pub Ticket { org: String, id: u64 } = "ticket-{org}-{id}" {
        events: [Line, Typing],
        server_events: [Closed],
        default_subscriptions: *,
        sync_history_on_join: true,
        on_demand: true,
    }

    /// The list of an organisation's tickets, for its agents.
    pub Desk { org: String } = "desk-{org}" {
        events: [],
        server_events: [Entry],
        default_subscriptions: *,
        sync_history_on_join: true,
    }
}
