//! Who somebody is, and which rooms they may see. Their token says it, so the desk needs no table of users.

use dialogue::prelude::*;

use crate::rooms::{Desk, Ticket};

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user id. It begins with the organisation, so that two organisations can each have an agent Grace.
    pub sub: String,
    /// The organisation that the person works for, or asks for help.
    pub org: String,
    /// What the person may do.
    #[serde(flatten)]
    pub role: Role,
}

/// What a person may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Role {
    /// Sees all tickets of the organisation.
    Agent {
        /// The name that customers see.
        name: String,
    },
    /// Sees one ticket.
    Customer {
        /// The number of the ticket.
        ticket: u64,
    },
}

impl Person {
    /// An agent with this name.
    #[must_use]
    pub fn agent(org: &str, name: &str) -> Self {
        Self {
            sub: format!("{org}/agent/{name}"),
            org: org.to_owned(),
            role: Role::Agent { name: name.to_owned() },
        }
    }

    /// The customer with this user id, who has opened this ticket.
    #[must_use]
    pub fn customer(org: &str, user: &str, ticket: u64) -> Self {
        Self {
            sub: user.to_owned(),
            org: org.to_owned(),
            role: Role::Customer { ticket },
        }
    }

    /// Reads the claims of a token. A token of another program may be genuine, and have other claims.
    ///
    /// # Errors
    ///
    /// Refuses the claims of tokens that were made for something else.
    pub fn from_claims(claims: &serde_json::Value) -> Result<Self, HookError> {
        Self::deserialize(claims).map_err(|error| Refusal::because("the token is not for this desk", error).into())
    }

    /// The person behind a client.
    pub(crate) fn of(client: &Client) -> Result<Self, HookError> {
        Self::from_claims(&client.claims())
    }

    /// Whether the person may see the list of an organisation's tickets.
    #[must_use]
    pub fn may_see_desk(&self, desk: &Desk) -> bool {
        matches!(self.role, Role::Agent { .. }) && self.org == desk.org
    }

    /// Whether the person may see a ticket: it is their own, or they are an agent of its organisation.
    #[must_use]
    pub fn may_see_ticket(&self, ticket: &Ticket) -> bool {
        let of_this_role = match self.role {
            Role::Agent { .. } => true,
            Role::Customer { ticket: own } => own == ticket.id,
        };
        of_this_role && self.org == ticket.org
    }
}

/// The beginning of the user ids of an organisation's customers.
pub(crate) fn customers_of(org: &str) -> String {
    format!("{org}/customer/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ticket(org: &str, id: u64) -> Ticket {
        Ticket {
            org: org.to_owned(),
            id,
        }
    }

    fn desk(org: &str) -> Desk {
        Desk { org: org.to_owned() }
    }

    #[test]
    fn a_customer_sees_their_own_ticket_and_no_desk() {
        let ada = Person::customer("acme", "acme/customer/1", 7);
        assert!(ada.may_see_ticket(&ticket("acme", 7)));
        assert!(!ada.may_see_ticket(&ticket("acme", 8)));
        assert!(!ada.may_see_ticket(&ticket("globex", 7)));
        assert!(!ada.may_see_desk(&desk("acme")));
    }

    #[test]
    fn an_agent_sees_all_tickets_of_their_organisation_and_no_others() {
        let grace = Person::agent("acme", "Grace");
        assert!(grace.may_see_ticket(&ticket("acme", 7)) && grace.may_see_ticket(&ticket("acme", 8)));
        assert!(grace.may_see_desk(&desk("acme")));
        assert!(!grace.may_see_ticket(&ticket("globex", 7)));
        assert!(!grace.may_see_desk(&desk("globex")));
    }

    #[test]
    fn a_person_is_the_claims_of_a_token() {
        for person in [
            Person::agent("acme", "Grace"),
            Person::customer("acme", "acme/customer/1", 7),
        ] {
            let mut claims = serde_json::to_value(&person).expect("JSON");
            claims["exp"] = json!(4_800_000_000_u64);
            assert_eq!(Person::from_claims(&claims).expect("a person"), person);
        }
        let other = Person::from_claims(&json!({ "sub": "ada", "org": "acme", "role": "owner" }));
        assert!(other.is_err_and(|error| error.refusal().is_some()));
    }
}
