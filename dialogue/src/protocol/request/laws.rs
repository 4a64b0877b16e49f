//! Property tests of requests and of arbitrary bytes.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::command::FirstAttempt;
use super::*;
use crate::protocol::subscriptions::SubscriptionList;
use crate::protocol::{ErrorCode, arbitrary};

const DEPTH: usize = 32;

proptest! {
    #[test]
    fn never_panics_and_answers_briefly(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(refused) = Request::parse(&String::from_utf8_lossy(&bytes), DEPTH) {
            prop_assert!(refused.message.len() < 400);
        }
    }

    #[test]
    fn reads_any_request_in_any_order_among_unknown_fields((request, fields) in request()) {
        prop_assert_eq!(Request::parse(&object_text(&fields), DEPTH), Ok(request));
    }

    #[cfg(feature = "client")]
    #[test]
    fn reads_any_request_as_a_client_writes_it((request, _) in request()) {
        prop_assert_eq!(Request::parse(&request.encode(), DEPTH), Ok(request));
    }

    #[test]
    fn never_panics_and_keeps_the_id_whatever_a_field_holds(
        (request, mut fields) in request(),
        which: prop::sample::Index,
        value in arbitrary::value(),
    ) {
        let which = which.index(fields.len());
        let of_id = fields[which].0 == "id";
        fields[which].1 = value;
        match Request::parse(&object_text(&fields), DEPTH) {
            Ok(read) if !of_id => prop_assert_eq!(read.id, request.id),
            Err(refused) if !of_id => prop_assert_eq!(refused.id, request.id),
            _ => {}
        }
    }

    #[test]
    fn rejects_a_repeated_field((_, mut fields) in request(), which: prop::sample::Index) {
        fields.push(fields[which.index(fields.len())].clone());
        prop_assert_eq!(Request::parse(&object_text(&fields), DEPTH).unwrap_err().code, ErrorCode::InvalidRequest);
    }
}

/// A request and its fields in any order, including some unknown fields.
fn request() -> impl Strategy<Value = (Request, Vec<(String, Value)>)> {
    let unknown = prop::collection::btree_map("x[a-z]{0,4}", arbitrary::value(), 0..3);
    (any::<Option<i64>>(), command(), unknown).prop_flat_map(|(id, (command, fields), unknown)| {
        let mut fields: Vec<_> = fields.as_object().unwrap().clone().into_iter().chain(unknown).collect();
        fields.extend(id.map(|id| ("id".to_owned(), json!(id))));

        Just(fields).prop_shuffle().prop_map(move |fields| {
            (
                Request {
                    id,
                    command: command.clone(),
                },
                fields,
            )
        })
    })
}

fn command() -> impl Strategy<Value = (Command, Value)> {
    let room = arbitrary::room_id;
    let event = arbitrary::event_name;
    let connect = (arbitrary::value(), any::<Option<String>>()).prop_map(|(auth, resume)| {
        let mut fields = json!({ "type": "connect", "protocol": 1, "auth": auth });
        if let Some(resume) = &resume {
            fields["resume"] = json!(resume);
        }
        let protocol = 1;
        (Command::Connect(ConnectCommand { protocol, auth, resume }), fields)
    });
    let subscriptions = (any::<bool>(), prop::collection::btree_set(event(), 0..4))
        .prop_map(|(wildcard, events)| SubscriptionList { wildcard, events });
    let subscriptions = (
        prop::option::of(subscriptions),
        prop::collection::btree_set(event(), 0..4),
    )
        .prop_map(|(list, mut except)| {
            if !list.as_ref().is_some_and(|list| list.wildcard) {
                except.clear();
            }
            (list, except)
        });
    let since = any::<(String, u64)>().prop_map(|(epoch, seq)| LogPosition { epoch, seq });
    let join = (room(), subscriptions, prop::option::of(since), any::<Option<bool>>()).prop_map(
        |(room_id, (subscriptions, except), since, erasures)| {
            let mut fields = json!({ "type": "join", "roomId": room_id });
            if let Some(subscriptions) = &subscriptions {
                fields["subscriptions"] = json!(subscriptions);
            }
            if !except.is_empty() {
                fields["except"] = json!(except);
            }
            if let Some(since) = &since {
                fields["since"] = json!({ "epoch": since.epoch, "seq": since.seq });
            }
            if let Some(erasures) = erasures {
                fields["erasures"] = json!(erasures);
            }
            let join = JoinCommand {
                room_id,
                subscriptions,
                except,
                since,
                erasures,
            };
            (Command::Join(join), fields)
        },
    );
    let trigger = (
        room(),
        event(),
        arbitrary::value(),
        prop::option::of(arbitrary::object()),
        prop::option::of(("[a-z😀]{1,32}", prop::option::of(any::<(String, String)>()))),
    )
        .prop_map(|(room_id, event, data, meta, keyed)| {
            let (key, repeats) = keyed.unzip();
            let repeats = repeats.flatten().map(|(client_id, epoch)| FirstAttempt {
                client_id: client_id.into(),
                epoch,
            });
            let mut fields = json!({ "type": "trigger", "roomId": room_id, "event": event, "data": data });
            if let Some(meta) = &meta {
                fields["meta"] = json!(meta);
            }
            if let Some(key) = &key {
                fields["key"] = json!(key);
            }
            if let Some(FirstAttempt { client_id, epoch }) = &repeats {
                fields["repeats"] = json!({ "clientId": client_id, "epoch": epoch });
            }
            let trigger = TriggerCommand {
                room_id,
                event,
                data,
                meta,
                key,
                repeats,
            };
            (Command::Trigger(trigger), fields)
        });
    let history = (room(), event(), any::<(u64, u64, u8)>()).prop_map(|(room_id, event, (a, b, kind))| {
        let mut fields = json!({ "type": "history", "roomId": room_id, "event": event });
        let cursor = if kind % 3 == 0 {
            let (start, end) = (a.min(b), a.max(b));
            fields["start"] = json!(start);
            fields["end"] = json!(end);
            HistoryCursor::Index { start, end }
        } else if kind % 3 == 1 {
            let (skip, limit) = (a, b.max(1));
            fields["before"] = json!(1);
            fields["limit"] = json!(limit);
            fields["skip"] = json!(skip);
            HistoryCursor::Unnumbered { skip, limit }
        } else {
            let (seq, limit) = (a, b.max(1));
            fields["before"] = json!(seq);
            fields["limit"] = json!(limit);
            HistoryCursor::Before { seq, limit }
        };
        (Command::History(HistoryCommand { room_id, event, cursor }), fields)
    });
    let create = (
        room(),
        prop::option::of("[a-z]{1,99}"),
        prop::option::of("[a-z]{1,99}"),
        0..9_usize,
    )
        .prop_map(|(id, name, description, size)| {
            let max_size = (size > 0).then_some(size);
            let mut room = json!({ "id": id });
            for (field, value) in [
                ("name", json!(name)),
                ("description", json!(description)),
                ("maxSize", json!(max_size)),
            ] {
                if !value.is_null() {
                    room[field] = value;
                }
            }
            let fields = json!({ "type": "createRoom", "room": room });
            let room = NewRoom {
                id,
                name,
                description,
                max_size,
            };
            (Command::CreateRoom { room }, fields)
        });
    let plain = (room(), event(), 0..6).prop_map(|(room_id, event, which)| {
        let (id, name) = (json!(room_id), json!(event));
        match which {
            0 => (Command::Leave { room_id }, json!({ "type": "leave", "roomId": id })),
            1 => {
                let fields = json!({ "type": "subscribe", "roomId": id, "event": name });
                (Command::Subscribe { room_id, event }, fields)
            }
            2 => {
                let fields = json!({ "type": "unsubscribe", "roomId": id, "event": name });
                (Command::Unsubscribe { room_id, event }, fields)
            }
            3 => (
                Command::SubscribeAll { room_id },
                json!({ "type": "subscribeAll", "roomId": id }),
            ),
            4 => (
                Command::DeleteRoom { room_id },
                json!({ "type": "deleteRoom", "roomId": id }),
            ),
            _ => (
                Command::ListRooms { after: Some(room_id) },
                json!({ "type": "listRooms", "after": id }),
            ),
        }
    });
    let bare = prop_oneof![
        Just((Command::Ping, json!({ "type": "ping" }))),
        Just((Command::ListRooms { after: None }, json!({ "type": "listRooms" }))),
    ];
    prop_oneof![connect, join, trigger, history, create, plain, bare]
}

/// An object with these fields in this order.
fn object_text(fields: &[(String, Value)]) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in fields.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(text, "{comma}{}:{value}", Value::from(name.as_str())).unwrap();
    }
    text + "}"
}
