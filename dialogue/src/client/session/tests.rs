use serde_json::json;
use tokio::sync::oneshot;

use super::*;
use crate::backoff::Backoff;
use crate::client::answer::Answer;
use crate::client::barrier::Queued;
use crate::client::buffer::{BufferLimits, ItemBuffer, NextItem};
use crate::client::listeners::StartAt;
use crate::client::room_shared::RoomIndex;
use crate::protocol::{JoinCommand, TriggerCommand};

const BOUNDS: BufferLimits = BufferLimits { items: 16, bytes: 4096 };

/// A connected session, and what it reports.
struct Connected {
    session: ClientSession,
    told: Arc<ItemBuffer<Queued<ClientNotice>>>,
    rooms: RoomIndex,
    now: Instant,
}

impl Connected {
    fn new(expires_in: Option<u64>) -> Self {
        let (rooms, notices) = (RoomIndex::default(), Arc::new(ListenerSet::new(BOUNDS, None)));
        let (_, told) = notices.listen(StartAt::Now, |notice| !matches!(notice, ClientNotice::Connected));
        let mut session = ClientSession::new(
            JoinedRooms::new(Arc::clone(&rooms), BOUNDS, Backoff::new(Duration::ZERO, Duration::ZERO)),
            Pending::new(8, Duration::from_secs(30), Backoff::new(Duration::ZERO, Duration::ZERO)),
            notices,
            Arc::default(),
        );
        let now = Instant::now();
        session.connected(welcome(expires_in), now);
        Self {
            session,
            told,
            rooms,
            now,
        }
    }

    fn ask(&mut self, command: Command) -> oneshot::Receiver<Result<Answer, ClientError>> {
        self.demand(Demand::Request(command))
    }

    fn leave(&mut self) -> oneshot::Receiver<Result<Answer, ClientError>> {
        let chat = self.rooms.lock().get("chat").cloned().expect("the room");
        self.demand(Demand::Leave(chat))
    }

    fn demand(&mut self, demand: Demand) -> oneshot::Receiver<Result<Answer, ClientError>> {
        let (reply, answer) = oneshot::channel();
        self.session.request(Op { demand, reply }, self.now);
        answer
    }

    async fn told(&self) -> Option<ClientNotice> {
        match self.told.next().await {
            NextItem::Item(queued) => Some(queued.item),
            _ => None,
        }
    }

    fn hear(&mut self, frame: Value) {
        self.session.frame(&frame.to_string(), self.now).unwrap();
    }

    /// Joins the chat, with the request of this id.
    fn join(&mut self, id: i64) {
        let answer = self.ask(join());
        self.session.outgoing(self.now);
        self.hear(joined(id));
        drop(answer);
    }
}

fn welcome(expires_in: Option<u64>) -> Welcome {
    serde_json::from_value(json!({
        "clientId": "c", "userId": "ada", "resume": "r", "pingInterval": 0, "maxMessageBytes": 65_536,
        "expiresIn": expires_in, "fingerprint": "f",
    }))
    .unwrap()
}

fn join() -> Command {
    Command::Join(JoinCommand {
        room_id: "chat".into(),
        subscriptions: None,
        except: Default::default(),
        since: None,
        erasures: None,
    })
}

fn joined(id: i64) -> Value {
    json!({
        "type": "joined", "id": id, "roomId": "chat", "roomName": "Chat", "subscriptions": [], "epoch": "e", "seq": 0,
        "events": [],
    })
}

#[tokio::test(start_paused = true)]
async fn a_join_that_is_answered_late_is_left_again() {
    let mut connected = Connected::new(None);
    let mut answer = connected.ask(join());
    connected.session.outgoing(connected.now);
    connected.now += Duration::from_secs(30);
    connected.session.tick(connected.now);
    assert!(matches!(answer.try_recv(), Ok(Err(ClientError::TimedOut(_)))));
    connected.hear(joined(1));
    assert!(connected.rooms.lock().is_empty());
    let leave = &connected.session.outgoing(connected.now)[..];
    assert!(
        matches!(leave, [leave] if leave.contains(r#""type":"leave""#)),
        "{leave:?}"
    );
    // The leave is repeated until the server answers it.
    connected.now += Duration::from_secs(30);
    connected.session.tick(connected.now);
    assert_eq!(connected.session.outgoing(connected.now).len(), 1);
    connected.hear(json!({ "type": "left", "id": 3, "roomId": "chat" }));
    connected.session.end(&ClientError::Disconnected);
    assert!(
        connected.told().await.is_none(),
        "the server did not add the client by itself"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_leaving_when_the_connection_was_lost_has_left() {
    let mut connected = Connected::new(None);
    connected.join(1);
    let mut left = connected.leave();
    assert_eq!(connected.session.outgoing(connected.now).len(), 1);
    connected.session.link_lost();
    assert!(matches!(left.try_recv(), Ok(Ok(Answer::Done { .. }))));
    assert!(connected.rooms.lock().is_empty());
    assert!(
        connected.session.outgoing(connected.now).is_empty(),
        "there is nothing to rejoin"
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_after_nine_tenths_and_again_after_half_of_the_rest() {
    let mut connected = Connected::new(Some(100_000));
    let began = connected.now;
    assert_eq!(connected.session.renew_at(), Some(began + Duration::from_secs(90)));
    connected.now += Duration::from_secs(90);
    connected.session.renew(json!(null), connected.now);
    assert_eq!(connected.session.renew_at(), None, "a renewal is under way");
    connected.session.outgoing(connected.now);
    connected.hear(json!({ "type": "error", "id": 1, "code": "UNAUTHENTICATED", "message": "no" }));
    assert_eq!(connected.session.renew_at(), Some(began + Duration::from_secs(95)));
    assert!(matches!(connected.told().await, Some(ClientNotice::Error(_))));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_times_out_is_reported_and_repeated_and_still_counts_when_it_arrives() {
    let mut connected = Connected::new(Some(1_000_000));
    let began = connected.now;
    connected.now += Duration::from_secs(900);
    connected.session.renew(json!(null), connected.now);
    connected.session.outgoing(connected.now);
    connected.now += Duration::from_secs(30);
    connected.session.tick(connected.now);
    assert!(matches!(
        connected.told().await,
        Some(ClientNotice::Error(ClientError::TimedOut(_)))
    ));
    assert_eq!(connected.session.renew_at(), Some(began + Duration::from_secs(965)));
    connected.hear(json!({
        "type": "connected", "protocol": 1, "id": 1, "clientId": "c", "userId": "ada", "resume": "s", "pingInterval": 0,
        "maxMessageBytes": 65_536, "expiresIn": 1_000_000, "fingerprint": "f",
    }));
    assert_eq!(connected.session.renew_at(), Some(began + Duration::from_secs(1_830)));
    assert_eq!(connected.session.resume().unwrap(), "s");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_trigger_refused_before_its_key_is_looked_up_is_unknown() {
    for (code, before, is_known) in [
        ("OUTCOME_UNKNOWN", 1, false),
        ("ROOM_NOT_FOUND", 0, true),
        ("ROOM_NOT_FOUND", 1, false),
        ("VALIDATION_FAILED", 1, true),
    ] {
        let mut connected = Connected::new(None);
        connected.join(1);
        let mut outcome = connected.ask(Command::Trigger(TriggerCommand {
            room_id: "chat".into(),
            event: "message".into(),
            data: json!(null),
            meta: None,
            key: Some("k".to_owned()),
            repeats: None,
        }));
        for way_back in 0..before {
            connected.session.outgoing(connected.now);
            connected.session.link_lost();
            connected.session.connected(welcome(None), connected.now);
            connected.session.outgoing(connected.now);
            connected.hear(joined(3 + way_back));
        }
        assert_eq!(connected.session.outgoing(connected.now).len(), 1);
        connected.hear(json!({ "type": "error", "id": 2, "code": code, "message": "no" }));
        let refused = outcome.try_recv().unwrap().unwrap_err();
        assert_eq!(
            refused != ClientError::OutcomeUnknown,
            is_known,
            "{code} {before} {refused}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_leave_dropped_before_it_is_sent_has_no_effect() {
    let mut connected = Connected::new(None);
    connected.join(1);
    connected.session.link_lost();
    connected.session.connected(welcome(None), connected.now);
    assert_eq!(connected.session.outgoing(connected.now).len(), 1, "the rejoin");
    drop(connected.leave());
    assert!(
        connected.session.outgoing(connected.now).is_empty(),
        "it waits for the rejoin"
    );
    connected.session.link_lost();
    assert!(connected.rooms.lock().contains_key("chat"));
}

#[tokio::test(start_paused = true)]
async fn limits_the_times_that_a_server_may_set() {
    let mut connected = Connected::new(Some(0));
    assert_eq!(connected.session.ping_interval(), Duration::from_secs(1));
    assert_eq!(connected.session.renew_at(), Some(connected.now + SHORTEST_RENEWAL));
    connected.session.connected(welcome(Some(u64::MAX)), connected.now);
    connected.session.connected(welcome(None), connected.now);
    assert_eq!(connected.session.renew_at(), None);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_room_is_forgotten_and_reported() {
    let mut connected = Connected::new(None);
    connected.join(1);
    connected.hear(json!({ "type": "roomDeleted", "roomId": "chat" }));
    assert!(connected.rooms.lock().is_empty());
    assert!(matches!(connected.told().await, Some(ClientNotice::RoomDeleted(room)) if room == "chat"));
}
