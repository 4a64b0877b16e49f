//! The client keeps to the server's rate by itself, whatever the program does: the server never closes with 4503.

use std::time::Duration;

use dialogue::Limits;
use dialogue::client::{ConnectionState, Joined};
use dialogue::prelude::*;
use dialogue_tests::proxy::Proxy;
use dialogue_tests::{TestServer, until, within};

use super::connect_to;

macro_rules! events {
    ($($event:ident)*) => {
        $(
            #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
            struct $event {
                number: u64,
            }
        )*
    };
}

events! { Pointer Zoom Scroll Select Hover Draw }

rooms! {
    Boards;

    Board { number: u64 } = "board-{number}" {
        events: [Pointer, Zoom, Scroll, Select, Hover, Draw],
        default_subscriptions: *,
        on_demand: true,
    }
}

const ROOMS: u64 = 100;

/// A server with the usual number of frames, in a tenth of the usual time.
async fn boards() -> TestServer {
    let limits = Limits::default().with_inbound_window(Duration::from_millis(400));
    TestServer::start(
        Dialogue::builder()
            .rooms::<Boards>()
            .trust_client_identity()
            .limits(limits),
    )
    .await
}

async fn join_all(client: &dialogue::DialogueClient, rooms: u64) -> Vec<Joined<Board>> {
    let joins: Vec<_> = (0..rooms)
        .map(|number| tokio::spawn(client.join(Board { number }).into_future()))
        .collect();
    let mut boards = Vec::new();
    for join in joins {
        boards.push(within("the join", join).await.expect("no panic").expect("a room"));
    }
    boards
}

#[tokio::test]
async fn a_client_in_many_rooms_with_exceptions_rejoins_within_the_rate() {
    let server = boards().await;
    let proxy = Proxy::to(server.address()).await;
    let client = connect_to(&proxy.url(), "ada").await;
    let boards = join_all(&client, ROOMS).await;
    for board in &boards {
        board.unsubscribe::<Zoom>().await.expect("a subscription");
        board.unsubscribe::<Scroll>().await.expect("a subscription");
        board.unsubscribe::<Select>().await.expect("a subscription");
        board.unsubscribe::<Hover>().await.expect("a subscription");
        board.unsubscribe::<Draw>().await.expect("a subscription");
    }
    for round in 0..3 {
        proxy.cut();
        until("the lost connection", || !client.is_connected()).await;
        proxy.restore();
        for (number, board) in boards.iter().enumerate() {
            let ack = within("an answer", board.trigger(Pointer { number: round }).into_future()).await;
            ack.unwrap_or_else(|error| panic!("{number}: {error}"));
        }
        assert_eq!(client.state(), ConnectionState::Connected);
        assert_eq!(server.here().rooms_of("ada").len() as u64, ROOMS);
    }
    let observer = connect_to(&proxy.url(), "bob").await;
    let other = observer.join(Board { number: 7 }).await.expect("a room");
    let mut events = boards[7].stream::<BoardEvent>();
    other.trigger(Hover { number: 1 }).await.expect("an event");
    other.trigger(Pointer { number: 2 }).await.expect("an event");
    let event = within("an event", events.next()).await.expect("the stream continues");
    assert_eq!(
        event.expect("an event").event,
        "pointer",
        "the exceptions are in effect"
    );
}

#[tokio::test]
async fn joins_and_triggers_that_start_at_once_are_all_carried_out() {
    let server = boards().await;
    let client = connect_to(&format!("ws://{}", server.address()), "ada").await;
    let boards = join_all(&client, ROOMS).await;
    let triggers: Vec<_> = (0..600)
        .map(|number| {
            tokio::spawn(
                boards[number % boards.len()]
                    .trigger(Draw { number: number as u64 })
                    .into_future(),
            )
        })
        .collect();
    for trigger in triggers {
        within("an answer", trigger).await.expect("no panic").expect("an event");
    }
    assert_eq!(client.state(), ConnectionState::Connected);
}

#[tokio::test]
async fn a_flood_of_volatile_triggers_loses_old_ones_and_delivers_the_newest() {
    let server = boards().await;
    let client = connect_to(&format!("ws://{}", server.address()), "ada").await;
    let board = client.join(Board { number: 1 }).await.expect("a room");
    let mut events = board.stream::<Pointer>();
    let triggers: Vec<_> = (1..=2_000)
        .map(|number| tokio::spawn(board.trigger(Pointer { number }).volatile().into_future()))
        .collect();
    for trigger in triggers {
        within("an answer", trigger)
            .await
            .expect("no panic")
            .expect("sent or superseded");
    }
    let mut last = 0;
    while last < 2_000 {
        let event = within("an event", events.next()).await.expect("the stream continues");
        let number = event.expect("an event").data.number;
        assert!(number > last, "in order");
        last = number;
    }
    assert_eq!(client.state(), ConnectionState::Connected);
}
