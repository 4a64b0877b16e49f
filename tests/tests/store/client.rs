//! What a Rust client goes on with when the process of the server is killed: its pages, and triggers that are under way.

use std::collections::HashMap;

use dialogue::client::{ClientError, Page, Recovery};
use dialogue_tests::{Chat, Folder, Message, message, texts, within};
use tokio::sync::mpsc;

use super::{Server, connect, everything, free_port};

/// More than a server keeps in memory for one room by default.
const LINES: usize = 130;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_from_before_a_restart_continues_after_it_beyond_memory() {
    let folder = Folder::new("pages");
    let (file, port) = (folder.file(), free_port());
    let mut server = Server::start(&file, port);
    let ada = connect(port, "ada").await;
    let chat = ada.join(Chat).await.expect("the server admits everybody");
    let (recovered, mut recoveries) = mpsc::unbounded_channel();
    chat.on_recovered(move |recovery| {
        let _ = recovered.send(matches!(recovery, Recovery::Complete));
        async {}
    });
    let mut said = Vec::new();
    for number in 0..LINES {
        said.push(format!("line {number}"));
        let trigger = chat.trigger(message(&said[number]));
        within("an answer", trigger.into_future())
            .await
            .expect("the server accepts it");
    }
    let mut page = within("a page", chat.history::<Message>(Page::newest(40)).into_future())
        .await
        .expect("a page");
    let mut found = texts(page.messages.drain(..).collect());
    server.kill();
    let _server = Server::start(&file, port);
    assert_eq!(
        within("a recovery", recoveries.recv()).await,
        Some(true),
        "no gap is reported"
    );
    while let Some(next) = page.next(40) {
        page = within("a page", chat.history::<Message>(next).into_future())
            .await
            .expect("a page");
        found.extend(texts(page.messages.drain(..).collect()));
    }
    found.reverse();
    assert_eq!(found, said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_without_a_key_under_way_when_the_server_is_killed_are_unknown_or_not_sent() {
    let folder = Folder::new("keyless");
    let (file, port) = (folder.file(), free_port());
    let mut server = Server::start(&file, port);
    let ada = connect(port, "ada").await;
    let chat = ada.join(Chat).await.expect("the server admits everybody");
    // Enough that the server cannot have answered all of them when it is killed.
    let mut under_way = Vec::new();
    for number in 0..120 {
        let text = format!("line {number}");
        let trigger = chat.trigger(message(&text)).without_key();
        under_way.push((text, tokio::spawn(trigger.into_future())));
    }
    let (_, first) = under_way.remove(0);
    within("an answer", first)
        .await
        .expect("no panic")
        .expect("the server accepts it");
    server.kill();
    let _server = Server::start(&file, port);
    let mut outcomes = HashMap::new();
    for (text, trigger) in under_way {
        let outcome = within("an outcome", trigger).await.expect("no panic");
        match &outcome {
            Ok(_) | Err(ClientError::OutcomeUnknown) => {}
            Err(error) => panic!("{text}: {error}"),
        }
        outcomes.insert(text, outcome);
    }
    let stored = everything(&chat).await;
    for (text, outcome) in &outcomes {
        let times = stored.iter().filter(|stored| *stored == text).count();
        assert!(
            times == 1 || (outcome.is_err() && times == 0),
            "{text} is there {times} times: {outcome:?}"
        );
    }
}
