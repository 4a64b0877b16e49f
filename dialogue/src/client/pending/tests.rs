mod not_now;

use proptest::prelude::*;
use serde_json::Value;
use tokio::sync::oneshot;

use super::entry::RESEND_WITHIN;
use super::sending::{Sendable, WINDOW};
use super::*;
use crate::client::answer::Answer;
use crate::client::error::Refused;
use crate::client::room_shared::Readiness;
use crate::id::UserId;
use crate::protocol::{ErrorCode, TriggerCommand, WelcomeRate};

const MAX: usize = 65_536;
const PATIENCE: Duration = Duration::from_secs(300);

type Outcome = oneshot::Receiver<Result<Answer, ClientError>>;

struct Client {
    pending: Pending,
    now: Instant,
    user: UserId,
    /// Whether the server decides about repetitions.
    knows_repeats: bool,
}

impl Client {
    fn new() -> Self {
        let mut client = Self {
            pending: Pending::new(4, PATIENCE, backoff()),
            now: Instant::now(),
            user: "ada".into(),
            knows_repeats: false,
        };
        client.open();
        client
    }

    fn ask(&mut self, command: Command) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let kind = RequestKind::of(&command);
        self.pending.add(command, kind, Some(reply), self.now);
        outcome
    }

    fn trigger(&mut self, key: Option<&str>) -> Outcome {
        self.ask(Command::Trigger(TriggerCommand {
            room_id: "chat".into(),
            event: "message".into(),
            data: Value::Null,
            meta: None,
            key: key.map(str::to_owned),
            repeats: None,
        }))
    }

    /// Opens a connection with this rate and a window of a second.
    fn open_at(&mut self, frames: u64) {
        let rate = WelcomeRate { frames, window: 1_000 };
        let client = Some("c".into());
        let pacer = Pacer::new(Some(rate), self.now);
        self.pending.open(client, pacer, self.knows_repeats);
    }

    fn open(&mut self) {
        self.open_at(200);
    }

    /// The connection is lost, and the client is back.
    fn reconnect(&mut self) {
        self.pending.link_lost();
        self.open();
    }

    fn volatile(&mut self, event: &str) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let trigger = TriggerCommand {
            room_id: "chat".into(),
            event: event.into(),
            data: Value::Null,
            meta: None,
            key: None,
            repeats: None,
        };
        let kind = RequestKind::volatile(&trigger);
        self.pending.add(Command::Trigger(trigger), kind, Some(reply), self.now);
        outcome
    }

    fn send_in(&mut self, readiness: Readiness) -> usize {
        let user = self.user.clone();
        self.pending
            .take_sendable(self.now, Some(&user), MAX, |_| readiness.clone())
            .texts
            .len()
    }

    fn send(&mut self) -> usize {
        self.send_in(here("e"))
    }
}

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(500), Duration::from_secs(30))
}

fn here(epoch: &str) -> Readiness {
    Readiness::Here {
        epoch: epoch.to_owned(),
    }
}

fn failed(outcome: &mut Outcome) -> Option<ClientError> {
    outcome.try_recv().ok().and_then(Result::err)
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_once_and_answered_once() {
    let mut client = Client::new();
    let _outcome = client.trigger(None);
    assert!(client.pending.answered(1).is_none(), "nothing was sent yet");
    assert_eq!((client.send(), client.send()), (1, 0));
    assert!(client.pending.answered(1).is_some() && client.pending.answered(1).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_fails_sent_requests_except_triggers_with_a_key() {
    let mut client = Client::new();
    let mut lost = client.trigger(None);
    let mut kept = client.trigger(Some("k"));
    client.send();
    let mut waiting = client.trigger(None);
    client.reconnect();
    assert_eq!(failed(&mut lost), Some(ClientError::OutcomeUnknown));
    assert_eq!((failed(&mut kept), failed(&mut waiting)), (None, None));
    assert_eq!(client.send_in(Readiness::Away), 0);
    assert_eq!(client.send(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_is_not_sent_again_if_the_server_may_have_forgotten_its_key() {
    type Change = fn(&mut Client) -> Readiness;
    let changes: [Change; 3] = [
        |client| {
            client.now += RESEND_WITHIN;
            here("e")
        },
        |client| {
            client.user = "bob".into();
            here("e")
        },
        |_| here("another"),
    ];
    for change in changes {
        let mut client = Client::new();
        let mut outcome = client.trigger(Some("k"));
        client.send();
        client.reconnect();
        let readiness = change(&mut client);
        assert_eq!(client.send_in(readiness), 0);
        assert_eq!(failed(&mut outcome), Some(ClientError::OutcomeUnknown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_trigger_is_sent_again_however_late_if_the_server_knows_repetitions() {
    let mut client = Client::new();
    client.knows_repeats = true;
    client.open();
    let mut outcome = client.trigger(Some("k"));
    client.send();
    client.pending.link_lost();
    client.now += RESEND_WITHIN * 2;
    client.open();
    assert_eq!(client.send(), 1);
    assert_eq!(failed(&mut outcome), None);
}

#[tokio::test(start_paused = true)]
async fn in_a_room_that_is_gone_unsent_requests_fail_as_not_joined_and_sent_ones_as_unknown() {
    let mut client = Client::new();
    let mut sent = client.trigger(Some("k"));
    client.send();
    client.reconnect();
    let mut unsent = client.trigger(Some("l"));
    client.send_in(Readiness::Gone);
    assert_eq!(failed(&mut sent), Some(ClientError::OutcomeUnknown));
    let room = "chat".into();
    assert_eq!(failed(&mut unsent), Some(ClientError::NotJoined { room }));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_trigger_says_whether_it_may_have_been_delivered() {
    let mut client = Client::new();
    let mut keyed = client.trigger(Some("a"));
    client.send_in(Readiness::Away);
    let mut lost = client.trigger(None);
    client.send();
    let mut late = client.trigger(None);
    client.reconnect();
    let mut stopped = client.trigger(Some("b"));
    client.send_in(Readiness::Away);
    client.pending.fail_all(&ClientError::Disconnected);
    let text = |outcome: &mut Outcome| failed(outcome).map(|error| error.to_string()).unwrap_or_default();
    let may_be_delivered = "may or may not have been delivered";
    for (outcome, is_unknown) in [
        (&mut keyed, true),
        (&mut lost, true),
        (&mut late, false),
        (&mut stopped, false),
    ] {
        let text = text(outcome);
        assert_eq!(text.contains(may_be_delivered), is_unknown, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_waits_only_for_the_rejoin_of_its_own_room() {
    let mut client = Client::new();
    let _joining = client.ask(Command::Join(crate::protocol::JoinCommand {
        room_id: "chat".into(),
        subscriptions: None,
        except: Default::default(),
        since: None,
        erasures: None,
    }));
    assert_eq!(client.send_in(Readiness::Away), 0);
    assert_eq!(client.send_in(Readiness::Gone), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sent_request_that_is_too_large_for_the_next_server_is_unknown() {
    let mut client = Client::new();
    let mut outcome = client.trigger(Some("k"));
    client.send();
    client.reconnect();
    let user = client.user.clone();
    client.pending.take_sendable(client.now, Some(&user), 10, |_| here("e"));
    assert_eq!(failed(&mut outcome), Some(ClientError::OutcomeUnknown));
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_request_is_not_sent_unless_it_was_sent_before() {
    let mut client = Client::new();
    drop(client.trigger(Some("k")));
    assert_eq!(client.send(), 0);
    let outcome = client.trigger(Some("l"));
    client.send();
    drop(outcome);
    client.reconnect();
    assert_eq!(client.send(), 1, "it may have gone out, so its key is used up");
}

#[tokio::test(start_paused = true)]
async fn abandoned_requests_give_up_their_places() {
    let mut client = Client::new();
    let mut kept = client.trigger(Some("k"));
    for _ in 0..3 {
        drop(client.trigger(Some("l")));
    }
    assert!(client.pending.has_capacity());
    assert_eq!((client.send(), failed(&mut kept)), (1, None));
    let mut waiting: Vec<_> = (0..3).map(|_| client.trigger(Some("m"))).collect();
    assert!(!client.pending.has_capacity());
    drop((kept, waiting.pop()));
    assert!(client.pending.has_capacity());
    assert!(client.pending.answered(1).is_some(), "it was sent");
}

#[tokio::test(start_paused = true)]
async fn a_request_times_out() {
    let mut client = Client::new();
    let mut outcome = client.trigger(None);
    client.pending.expire(client.now + PATIENCE - Duration::from_millis(1));
    assert_eq!(failed(&mut outcome), None);
    assert_eq!(client.pending.next_deadline(), Some(client.now + PATIENCE));
    client.pending.expire(client.now + PATIENCE);
    assert_eq!(failed(&mut outcome), Some(ClientError::TimedOut(PATIENCE)));
}

#[tokio::test(start_paused = true)]
async fn limits_the_number_of_requests_and_the_bytes_in_flight() {
    let mut client = Client::new();
    let mut outcomes = Vec::new();
    while client.pending.has_capacity() {
        let data = Value::from("x".repeat(WINDOW / 2));
        outcomes.push(client.ask(Command::Trigger(TriggerCommand {
            room_id: "chat".into(),
            event: "message".into(),
            data,
            meta: None,
            key: None,
            repeats: None,
        })));
    }
    assert_eq!(outcomes.len(), 4);
    let user = client.user.clone();
    let mut send = || {
        let texts = client
            .pending
            .take_sendable(client.now, Some(&user), usize::MAX, |_| here("e"));
        (texts.texts.len(), client.pending.answered(1).is_some())
    };
    assert_eq!(send(), (1, true), "two would exceed the window");
    assert_eq!(send().0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_large_for_the_server_is_not_sent() {
    let mut client = Client::new();
    let mut outcome = client.trigger(None);
    let join = crate::protocol::JoinCommand {
        room_id: "chat".into(),
        subscriptions: None,
        except: Default::default(),
        since: None,
        erasures: None,
    };
    let kind = RequestKind::Rejoin("chat".into());
    client.pending.add(Command::Join(join), kind, None, client.now);
    let Sendable { texts, failed_rejoins } = client.pending.take_sendable(client.now, None, 10, |_| here("e"));
    assert!(texts.is_empty());
    assert!(matches!(&failed_rejoins[..], [(room, ClientError::TooLarge { .. })] if room == "chat"));
    assert!(matches!(
        failed(&mut outcome),
        Some(ClientError::TooLarge { limit: 10, .. })
    ));
}

/// The server refuses a request because it came too early.
fn too_early(client: &mut Client, id: i64, millis: u64) {
    let refused = Refused {
        code: ErrorCode::RateLimited,
        message: String::new(),
        violations: Vec::new(),
        data: None,
        retry_after: Some(Duration::from_millis(millis)),
    };
    assert!(client.pending.came_too_early(id, refused, client.now));
}

#[tokio::test(start_paused = true)]
async fn requests_that_came_too_early_are_sent_again_in_their_order_and_before_later_ones() {
    let mut client = Client::new();
    let _outcomes = [client.trigger(Some("1")), client.trigger(None)];
    assert_eq!(client.send(), 2);
    too_early(&mut client, 1, 300);
    too_early(&mut client, 2, 200);
    let _later = client.trigger(Some("3"));
    assert_eq!(client.send(), 0);
    assert_eq!(
        client.pending.next_deadline(),
        Some(client.now + Duration::from_millis(300))
    );
    client.now += Duration::from_millis(300);
    let user = client.user.clone();
    let texts = client
        .pending
        .take_sendable(client.now, Some(&user), MAX, |_| here("e"))
        .texts;
    let ids: Vec<Value> = texts
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_came_too_early_was_not_run() {
    let mut client = Client::new();
    let (mut unkeyed, mut keyed) = (client.trigger(None), client.trigger(Some("k")));
    client.send();
    too_early(&mut client, 1, 1);
    too_early(&mut client, 2, 1);
    client.reconnect();
    // Even another epoch does not matter, and neither request is a repetition.
    let user = client.user.clone();
    let texts = client
        .pending
        .take_sendable(client.now, Some(&user), MAX, |_| here("f"))
        .texts;
    assert_eq!(texts.len(), 2);
    assert!(texts.iter().all(|text| !text.contains("repeats")), "{texts:?}");
    too_early(&mut client, 1, 60_000);
    too_early(&mut client, 2, 60_000);
    client.pending.expire(client.now + PATIENCE);
    for outcome in [&mut unkeyed, &mut keyed] {
        assert!(matches!(failed(outcome), Some(ClientError::Refused(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_repetition_says_where_the_trigger_was_first_sent() {
    let mut client = Client::new();
    let _outcome = client.trigger(Some("k"));
    client.send();
    for _ in 0..2 {
        client.pending.link_lost();
        let pacer = Pacer::new(None, client.now);
        client.pending.open(Some("another".into()), pacer, true);
        let user = client.user.clone();
        let texts = client
            .pending
            .take_sendable(client.now, Some(&user), MAX, |_| here("e"))
            .texts;
        assert!(
            texts[0].contains(r#""repeats":{"clientId":"c","epoch":"e"}"#),
            "{texts:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn pings_go_first_and_everything_keeps_to_the_rate() {
    let mut client = Client::new();
    client.open_at(5);
    let _outcomes: Vec<_> = (0..4).map(|_| client.trigger(None)).collect();
    assert_eq!(client.send(), 3, "one of four was `connect`");
    client.pending.add(Command::Ping, RequestKind::Ping, None, client.now);
    assert_eq!(client.send(), 0);
    client.now += Duration::from_secs(1);
    let user = client.user.clone();
    let texts = client
        .pending
        .take_sendable(client.now, Some(&user), MAX, |_| here("e"))
        .texts;
    assert!(texts[0].contains("ping") && texts.len() == 2, "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_newer_volatile_trigger_takes_the_place_of_the_one_that_waits() {
    let mut client = Client::new();
    client.open_at(100);
    let mut first = client.volatile("pointer");
    assert_eq!(client.send(), 1);
    let mut second = client.volatile("pointer");
    let _behind = client.trigger(Some("k"));
    let mut third = client.volatile("pointer");
    let mut other = client.volatile("zoom");
    assert!(matches!(second.try_recv(), Ok(Ok(Answer::Superseded))));
    assert_eq!(client.send(), 2, "the others need not wait");
    client.now += Duration::from_millis(17);
    assert_eq!(client.send(), 1);
    client.pending.link_lost();
    let mut late = client.volatile("pointer");
    for outcome in [&mut first, &mut third, &mut other] {
        assert_eq!(failed(outcome), Some(ClientError::OutcomeUnknown));
    }
    assert_eq!(failed(&mut late), Some(ClientError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn a_volatile_trigger_that_came_too_early_gives_way_to_a_newer_one() {
    let mut client = Client::new();
    let mut old = client.volatile("pointer");
    client.send();
    let mut new = client.volatile("pointer");
    too_early(&mut client, 1, 10);
    assert!(matches!(old.try_recv(), Ok(Ok(Answer::Superseded))));
    assert!(new.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_unanswered_than_the_rate_has_frames() {
    let mut client = Client::new();
    client.open_at(10);
    let _requests: Vec<_> = (0..100).map(|_| client.trigger(Some("k"))).collect();
    let mut sent = 0;
    for _ in 0..20 {
        sent += client.send();
        client.now += Duration::from_secs(1);
    }
    assert_eq!(sent, 10, "the network may have stalled");
    assert!(client.pending.answered(1).is_some());
    assert_eq!(client.send(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_volatile_trigger_is_sent_although_many_requests_wait_before_it() {
    let mut client = Client::new();
    client.open_at(10);
    let _requests: Vec<_> = (0..100).map(|_| client.trigger(Some("k"))).collect();
    for id in 1..=client.send() {
        assert!(
            client
                .pending
                .answered(i64::try_from(id).expect("a small number"))
                .is_some()
        );
    }
    let _pointer = client.volatile("pointer");
    client.now += Duration::from_secs(1);
    let user = client.user.clone();
    let texts = client
        .pending
        .take_sendable(client.now, Some(&user), MAX, |_| here("e"))
        .texts;
    assert!(texts.iter().any(|text| text.contains("pointer")), "{texts:?}");
}

proptest! {
    /// A program that triggers a volatile event 120 times a second, and does other things meanwhile, never exceeds the
    /// server's rate, and the newest position is sent in the end.
    #[test]
    fn a_pointer_that_moves_all_the_time_keeps_to_the_rate(frames in 5..300_u64, others in 0..4_u64) {
        let mut client = Client::new();
        client.pending = Pending::new(10_000, PATIENCE, backoff());
        client.open_at(frames);
        let (mut sent, mut outcomes) = (vec![client.now], Vec::new());
        for step in 0..600_u64 {
            outcomes.push(client.volatile("pointer"));
            for _ in 0..if step % 60 == 0 { others } else { 0 } {
                outcomes.push(client.trigger(Some("k")));
            }
            for _ in 0..client.send() {
                sent.push(client.now);
            }
            client.now += Duration::from_micros(8_333);
        }
        for (index, time) in sent.iter().enumerate() {
            let window = sent[index..].iter().take_while(|other| **other < *time + Duration::from_secs(1));
            prop_assert!(window.count() as u64 <= frames * 8 / 10);
        }
        client.now += PATIENCE / 2;
        client.send();
        client.now += Duration::from_secs(1);
        client.send();
        let (mut superseded, mut refused) = (0, 0);
        for outcome in &mut outcomes {
            match outcome.try_recv() {
                Ok(Ok(Answer::Superseded)) => superseded += 1,
                Ok(Err(_)) => refused += 1,
                _ => {}
            }
        }
        prop_assert!(superseded < 600, "the last one is sent");
        prop_assert_eq!(refused, 0);
    }
}
