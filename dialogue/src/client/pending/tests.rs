use serde_json::Value;
use tokio::sync::oneshot;

use super::entry::RESEND_WITHIN;
use super::*;
use crate::client::answer::Answer;
use crate::protocol::TriggerCommand;

const MAX: usize = 65_536;
const PATIENCE: Duration = Duration::from_secs(300);

type Outcome = oneshot::Receiver<Result<Answer, ClientError>>;

struct Client {
    pending: Pending,
    now: Instant,
    user: UserId,
}

impl Client {
    fn new() -> Self {
        Self {
            pending: Pending::new(4, PATIENCE),
            now: Instant::now(),
            user: "ada".into(),
        }
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
    client.pending.link_lost();
    assert_eq!(failed(&mut lost), Some(ClientError::Disconnected));
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
        client.pending.link_lost();
        let readiness = change(&mut client);
        assert_eq!(client.send_in(readiness), 0);
        assert_eq!(failed(&mut outcome), Some(ClientError::Disconnected));
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_room_that_is_gone_unsent_requests_fail_as_not_joined_and_sent_ones_as_unknown() {
    let mut client = Client::new();
    let mut sent = client.trigger(Some("k"));
    client.send();
    client.pending.link_lost();
    let mut unsent = client.trigger(Some("l"));
    client.send_in(Readiness::Gone);
    assert_eq!(failed(&mut sent), Some(ClientError::Disconnected));
    let room = "chat".into();
    assert_eq!(failed(&mut unsent), Some(ClientError::NotJoined { room }));
}

#[tokio::test(start_paused = true)]
async fn a_join_waits_only_for_the_rejoin_of_its_own_room() {
    let mut client = Client::new();
    let _joining = client.ask(Command::Join(crate::protocol::JoinCommand {
        room_id: "chat".into(),
        subscriptions: None,
        except: Default::default(),
        since: None,
    }));
    assert_eq!(client.send_in(Readiness::Away), 0);
    assert_eq!(client.send_in(Readiness::Gone), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sent_request_that_is_too_large_for_the_next_server_is_unknown() {
    let mut client = Client::new();
    let mut outcome = client.trigger(Some("k"));
    client.send();
    client.pending.link_lost();
    let user = client.user.clone();
    client.pending.take_sendable(client.now, Some(&user), 10, |_| here("e"));
    assert_eq!(failed(&mut outcome), Some(ClientError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_request_is_not_sent_unless_it_was_sent_before() {
    let mut client = Client::new();
    drop(client.trigger(Some("k")));
    assert_eq!(client.send(), 0);
    let outcome = client.trigger(Some("l"));
    client.send();
    drop(outcome);
    client.pending.link_lost();
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
