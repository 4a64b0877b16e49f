//! `history`: pages by index and by seq.

use dialogue::Limits;
use dialogue_tests::{Chat, TestClient, TestServer, message};
use serde_json::{Value, json};

async fn with_messages(limits: Limits, count: usize) -> (TestServer, TestClient) {
    let server = TestServer::limited(limits).await;
    let ada = server.joined("ada", "booth").await;
    for number in 1..=count {
        server
            .trigger::<dialogue_tests::Message>(dialogue_tests::Booth, message(&number.to_string()))
            .await
            .expect("an event");
    }
    (server, ada)
}

fn numbers(page: &Value) -> Vec<u64> {
    let events = page["events"]
        .as_array()
        .unwrap_or_else(|| panic!("not a page: {page}"));
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}

async fn page(client: &mut TestClient, of: Value) -> Value {
    let mut request = json!({ "type": "history", "roomId": "booth", "event": "message" });
    for (name, value) in of.as_object().expect("fields") {
        request[name] = value.clone();
    }
    client.request(request).await
}

#[tokio::test]
async fn a_page_is_newest_first_and_says_whether_there_is_more() {
    let (_server, mut ada) = with_messages(Limits::default(), 5).await;
    for (of, expected, more) in [
        (json!({}), vec![5, 4, 3, 2, 1], false),
        (json!({ "start": 1, "end": 3 }), vec![4, 3], true),
        (json!({ "start": 3 }), vec![2, 1], false),
        (json!({ "end": 1 }), vec![5], true),
        (json!({ "start": 2, "end": 2 }), vec![], true),
        (json!({ "start": 9, "end": 20 }), vec![], false),
        (json!({ "before": 5, "limit": 2 }), vec![4, 3], true),
        (json!({ "before": 3 }), vec![2, 1], false),
        (json!({ "before": 1, "limit": 9 }), vec![], false),
        (
            json!({ "before": u64::MAX, "limit": u64::MAX }),
            vec![5, 4, 3, 2, 1],
            false,
        ),
    ] {
        let page = page(&mut ada, of.clone()).await;
        assert_eq!(numbers(&page), expected, "{of}");
        assert_eq!(page["more"], more, "{of}");
        assert_eq!((&page["roomId"], &page["event"]), (&json!("booth"), &json!("message")));
    }
}

#[tokio::test]
async fn events_in_a_page_are_envelopes_without_a_type() {
    let (_server, mut ada) = with_messages(Limits::default(), 1).await;
    let live = ada.recv_type("event").await;
    let page = page(&mut ada, json!({})).await;
    let mut envelope = live.clone();
    envelope.as_object_mut().expect("an object").remove("type");
    assert_eq!(page["events"], json!([envelope]));
}

#[tokio::test]
async fn a_page_has_a_bounded_number_of_events() {
    let limits = Limits::default().with_history_page_events(2);
    let (_server, mut ada) = with_messages(limits, 5).await;
    let page = page(&mut ada, json!({ "start": 0, "end": 5 })).await;
    assert_eq!(numbers(&page), [5, 4]);
    assert_eq!(page["more"], true);
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes_but_has_at_least_one_event_if_there_is_one() {
    let limits = Limits::default().with_history_page_bytes(10);
    let (_server, mut ada) = with_messages(limits, 3).await;
    let page = page(&mut ada, json!({})).await;
    assert_eq!(numbers(&page), [3]);
    assert_eq!(page["more"], true);
}

#[tokio::test]
async fn pages_by_seq_neither_skip_nor_repeat_events_while_new_ones_arrive() {
    let (server, mut ada) = with_messages(Limits::default(), 4).await;
    let first = page(&mut ada, json!({ "before": 5, "limit": 2 })).await;
    assert_eq!(numbers(&first), [4, 3]);
    server
        .trigger::<dialogue_tests::Message>(dialogue_tests::Booth, message("meanwhile"))
        .await
        .expect("an event");
    let second = page(&mut ada, json!({ "before": 3, "limit": 2 })).await;
    assert_eq!(numbers(&second), [2, 1]);
}

#[tokio::test]
async fn the_newest_page_has_no_bounds_or_a_number_above_every_seq() {
    let (_server, mut ada) = with_messages(Limits::default(), 4).await;
    let newest = page(&mut ada, json!({})).await;
    assert_eq!(numbers(&newest), [4, 3, 2, 1]);
    for before in [5, (1 << 53) - 1, u64::MAX] {
        let newest = page(&mut ada, json!({ "before": before, "limit": 2 })).await;
        assert_eq!((numbers(&newest), &newest["more"]), (vec![4, 3], &json!(true)));
    }
    let none = page(&mut ada, json!({ "before": 0 })).await;
    assert_eq!((numbers(&none), &none["more"]), (vec![], &json!(false)));
}

#[tokio::test]
async fn paging_both_by_index_and_by_seq_or_with_only_a_limit_is_invalid() {
    let (_server, mut ada) = with_messages(Limits::default(), 1).await;
    for of in [
        json!({ "before": 1, "start": 0 }),
        json!({ "before": 1, "end": 5 }),
        json!({ "limit": 5 }),
        json!({ "before": 1, "limit": 0 }),
        json!({ "start": 5, "end": 4 }),
    ] {
        let error = page(&mut ada, of.clone()).await;
        assert_eq!(error["code"], "INVALID_REQUEST", "{of}");
    }
}

#[tokio::test]
async fn an_event_without_history_has_an_empty_history() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    server.trigger(Chat, dialogue_tests::Bell).await.expect("an event");
    let page = ada
        .request(json!({ "type": "history", "roomId": "chat", "event": "bell" }))
        .await;
    assert_eq!((&page["events"], &page["more"]), (&json!([]), &json!(false)));
}
