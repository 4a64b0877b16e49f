//! Triggers that the server could not take.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn refused(code: ErrorCode, retry_after: Duration) -> Refused {
    Refused {
        code,
        message: String::new(),
        violations: Vec::new(),
        data: None,
        retry_after: Some(retry_after),
    }
}

impl Client {
    /// The server cannot take a trigger now. Without randomness, the client waits as long as the server asks.
    fn not_taken(&mut self, id: i64, retry_after: Duration, random: u64) -> bool {
        let refused = refused(ErrorCode::Unavailable, retry_after);
        self.pending.not_now(id, refused, self.now, random)
    }

    fn texts(&mut self) -> Vec<String> {
        let user = self.user.clone();
        self.pending
            .take_sendable(self.now, Some(&user), MAX, |_| here("e"))
            .texts
    }
}

fn unavailable(outcome: &mut Outcome) -> bool {
    failed(outcome).and_then(|error| error.code()) == Some(ErrorCode::Unavailable)
}

#[tokio::test(start_paused = true)]
async fn a_trigger_with_a_key_that_is_not_taken_is_repeated_and_marked() {
    let mut client = Client::new();
    let mut outcome = client.trigger(Some("k"));
    client.send();
    assert!(client.not_taken(1, SECOND, 0));
    assert_eq!(client.send(), 0);
    assert_eq!(client.pending.next_deadline(), Some(client.now + SECOND));
    client.now += SECOND;
    let texts = client.texts();
    assert!(
        texts.len() == 1 && texts[0].contains(r#""repeats":{"clientId":"c","epoch":"e"}"#),
        "{texts:?}"
    );
    assert!(outcome.try_recv().is_err());
    assert!(client.pending.answered(1).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_waits_grow_up_to_a_minute() {
    let mut client = Client::new();
    let _outcome = client.trigger(Some("k"));
    client.send();
    for millis in [1_500, 2_000, 3_000, 5_000, 9_000, 17_000, 31_000] {
        let wait = Duration::from_millis(millis);
        assert!(client.not_taken(1, SECOND, u64::MAX));
        client.now += wait - Duration::from_millis(1);
        assert_eq!(client.send(), 0, "{wait:?}");
        client.now += Duration::from_millis(1);
        assert_eq!(client.send(), 1, "{wait:?}");
    }
    let mut client = Client::new();
    let _outcome = client.trigger(Some("k"));
    client.send();
    assert!(client.not_taken(1, Duration::MAX, u64::MAX));
    client.now += Duration::from_secs(60);
    assert_eq!(client.send(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_trigger_with_a_key_for_which_somebody_waits_is_repeated() {
    let mut client = Client::new();
    let _outcomes = [client.trigger(None), client.volatile("pointer")];
    let dropped = client.trigger(Some("k"));
    let _leave = client.ask(Command::Leave { room_id: "chat".into() });
    assert_eq!(client.send(), 4);
    drop(dropped);
    for id in 1..=4 {
        assert!(!client.not_taken(id, SECOND, 0), "{id}");
        assert!(client.pending.answered(id).is_some(), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_is_dropped_while_it_waits_is_not_repeated() {
    let mut client = Client::new();
    let dropped = client.trigger(Some("k"));
    client.send();
    let _behind = client.trigger(Some("l"));
    assert!(client.not_taken(1, SECOND, 0));
    assert_eq!(client.send(), 0);
    drop(dropped);
    let texts = client.texts();
    assert!(texts.len() == 1 && texts[0].contains(r#""key":"l""#), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn later_triggers_of_the_room_wait_and_nothing_else_does() {
    let mut client = Client::new();
    let _outcomes = [client.trigger(Some("1")), client.trigger(Some("2"))];
    assert_eq!(client.send(), 2);
    assert!(client.not_taken(1, SECOND, 0) && client.not_taken(2, SECOND, u64::MAX));
    let _later = [client.trigger(None), client.volatile("pointer")];
    let _rooms = client.ask(Command::ListRooms { after: None });
    assert_eq!(client.send(), 2);
    client.now += SECOND;
    assert_eq!(client.send(), 1);
    client.now += SECOND;
    assert_eq!(client.send(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_sent_before_a_leave() {
    let mut client = Client::new();
    let mut outcome = client.trigger(Some("k"));
    client.send();
    assert!(client.not_taken(1, SECOND * 9, 0));
    let _behind = client.trigger(Some("l"));
    assert_eq!(client.send(), 0);
    let _leave = client.ask(Command::Leave { room_id: "chat".into() });
    let texts = client.texts();
    assert!(texts.len() == 3 && texts[2].contains(r#""type":"leave""#), "{texts:?}");
    assert!(client.not_taken(1, SECOND, 0));
    client.send_in(Readiness::Gone);
    assert!(unavailable(&mut outcome));
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_the_error_however_the_trigger_ends() {
    type End = fn(&mut Client);
    let ends: [End; 5] = [
        |client| {
            client.now += PATIENCE;
            client.pending.expire(client.now);
        },
        |client| assert_eq!(client.send_in(Readiness::Gone), 0),
        |client| {
            client.reconnect();
            assert_eq!(client.send_in(here("another")), 0);
        },
        |client| {
            client.reconnect();
            client.user = "bob".into();
            assert_eq!(client.send(), 0);
        },
        |client| {
            client.now += RESEND_WITHIN;
            assert_eq!(client.send(), 0);
        },
    ];
    for end in ends {
        let mut client = Client::new();
        let mut outcome = client.trigger(Some("k"));
        client.send();
        assert!(client.not_taken(1, SECOND, 0));
        end(&mut client);
        assert!(unavailable(&mut outcome));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_ends_the_wait() {
    let mut client = Client::new();
    let mut outcome = client.trigger(Some("k"));
    client.send();
    assert!(client.not_taken(1, SECOND * 9, 0));
    client.reconnect();
    assert_eq!(client.send(), 1);
    // Nothing has said since then that the server could not take it.
    client.now += PATIENCE;
    client.pending.expire(client.now);
    assert_eq!(failed(&mut outcome), Some(ClientError::TimedOut(PATIENCE)));
}

#[tokio::test(start_paused = true)]
async fn a_trigger_is_not_repeated_if_its_key_would_be_forgotten_by_then() {
    let mut client = Client::new();
    let _outcome = client.trigger(Some("k"));
    client.send();
    client.now += RESEND_WITHIN - SECOND * 2;
    assert!(!client.not_taken(1, SECOND * 2, 0));
    assert!(client.not_taken(1, SECOND, 0));
}
