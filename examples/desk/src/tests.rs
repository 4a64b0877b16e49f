//! The desk from the side of its people, without a network and without a file.

use std::time::Duration;

use dialogue::client::ClientError;
use dialogue::protocol::ErrorCode;
use dialogue::{Dialogue, DialogueClient, DialogueEvent as _, silent_logger, testing};
use serde_json::json;

use crate::people::Person;
use crate::rooms::{Closed, Desk, Entry, Line, Ticket};
use crate::server::{create_desks, guarded};
use crate::tokens::Tokens;

const HOUR: Duration = Duration::from_secs(3600);

struct Server {
    dialogue: Dialogue,
    tokens: Tokens,
}

impl Server {
    async fn start() -> Self {
        let tokens = Tokens::new(b"a secret of at least 32 bytes ......");
        let dialogue = guarded(&tokens).logger(silent_logger()).build().expect("a server");
        create_desks(&dialogue).await.expect("the desks");
        Self { dialogue, tokens }
    }

    async fn connect(&self, person: Person) -> DialogueClient {
        let token = self.tokens.issue(&person, HOUR).expect("a token");
        let connecting = testing::connect(&self.dialogue).auth(json!({ "token": token }));
        connecting.await.expect("the token is valid")
    }
}

fn ticket(id: u64) -> Ticket {
    Ticket {
        org: "acme".to_owned(),
        id,
    }
}

fn line(text: &str) -> Line {
    Line { text: text.to_owned() }
}

fn code<T>(answer: Result<T, ClientError>) -> Option<ErrorCode> {
    match answer {
        Err(ClientError::Refused(refused)) => Some(refused.code),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_people_of_a_ticket_read_each_other() {
    let server = Server::start().await;
    let ada = server.connect(Person::customer("acme", "acme/customer/1", 7)).await;
    let grace = server.connect(Person::agent("acme", "Grace")).await;
    let ada = ada.join(ticket(7)).await.expect("her own ticket");
    let grace = grace.join(ticket(7)).await.expect("a ticket of her organisation");
    let (mut at_ada, mut at_grace) = (ada.stream::<Line>(), grace.stream::<Line>());

    ada.trigger(line("It is on fire.")).await.expect("accepted");
    grace.trigger(line("Which printer?")).await.expect("accepted");
    for lines in [&mut at_ada, &mut at_grace] {
        let first = lines.next().await.expect("in the room").expect("a line");
        let second = lines.next().await.expect("in the room").expect("a line");
        assert_eq!(
            (first.data.text.as_str(), first.from.as_str()),
            ("It is on fire.", "acme/customer/1")
        );
        assert_eq!(
            (second.data.text.as_str(), second.from.as_str()),
            ("Which printer?", "acme/agent/Grace")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn others_may_not_join() {
    let server = Server::start().await;
    let other = server.connect(Person::customer("acme", "acme/customer/2", 8)).await;
    let elsewhere = server.connect(Person::agent("globex", "Grace")).await;
    let acme = || Desk { org: "acme".to_owned() };
    for stranger in [other, elsewhere] {
        assert_eq!(code(stranger.join(ticket(7)).await), Some(ErrorCode::JoinDenied));
        assert_eq!(code(stranger.join(acme()).await), Some(ErrorCode::JoinDenied));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_writes_in_a_closed_ticket() {
    let server = Server::start().await;
    let ada = server.connect(Person::customer("acme", "acme/customer/1", 7)).await;
    let room = ada.join(ticket(7)).await.expect("her own ticket");
    room.trigger(line("Thank you.")).await.expect("accepted");

    let by = "Grace".to_owned();
    server
        .dialogue
        .trigger(ticket(7), Closed { by })
        .await
        .expect("accepted");
    let late = room.trigger(line("One more thing")).await;
    assert_eq!(code(late), Some(ErrorCode::PermissionDenied));
}

#[tokio::test(start_paused = true)]
async fn each_ticket_has_a_number_and_agents_see_them_all() {
    let server = Server::start().await;
    let acme = || Desk { org: "acme".to_owned() };
    for expected in 1..=2 {
        let opened = Entry::Opened {
            name: "Ada".to_owned(),
            subject: "Printer".to_owned(),
        };
        let opened = opened.sent_by("acme/customer/1");
        let delivery = server.dialogue.trigger(acme(), opened).await.expect("accepted");
        assert_eq!(delivery.seq, Some(expected));
    }
    let grace = server.connect(Person::agent("acme", "Grace")).await;
    let mut entries = grace.join(acme()).await.expect("her organisation").stream::<Entry>();
    for number in 1..=2 {
        let entry = entries.next().await.expect("in the room").expect("an entry");
        assert_eq!(entry.seq, Some(number));
        assert!(matches!(entry.data, Entry::Opened { name, .. } if name == "Ada"));
    }
}
