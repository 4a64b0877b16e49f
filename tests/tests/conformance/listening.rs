//! What the user hears: the handlers and streams of the client, noted in the form that the suite defines.

use dialogue::DialogueClient;
use dialogue::client::{AnyRoom, ClientError, CloseReason, Departure, Joined, Recovery, RoomStreamError};
use serde_json::{Map, Value, json};

use super::report::{code_of, listed};
use super::runner::turns;
use super::user::User;

impl User {
    /// Listens to everything that belongs to no room.
    pub(super) fn listen(&self, client: &DialogueClient) {
        let (user, it) = (self.clone(), client.clone());
        client.on_connect(move || {
            let user_id = it.user_id();
            user.see(json!({ "connected": { "userId": user_id } }));
            let connecting = user.notes().connecting.take();
            if let Some(label) = connecting {
                user.see(json!({ "result": label, "ok": null }));
            }
            async {}
        });
        let user = self.clone();
        client.on_disconnect(move |lost| {
            user.notes().losses += 1;
            let code = lost.code.unwrap_or(1006);
            user.see(json!({ "disconnected": { "code": code, "reconnects": lost.reconnects } }));
            async {}
        });
        let user = self.clone();
        client.on_error(move |error| {
            let code = code_of(&error);
            let mut notes = user.notes();
            match error {
                ClientError::Connect { .. } => {
                    notes.losses += 1;
                    notes.refusal = Some(code);
                }
                // The connection ends, which the user sees.
                ClientError::Protocol { .. } => {}
                error => notes.errors.push(error),
            }
            drop(notes);
            async {}
        });
        let (user, it) = (self.clone(), client.clone());
        client.on_joined(move |room| {
            if let Some(joined) = it.room(AnyRoom(room)) {
                user.enter(&joined, "");
            }
            async {}
        });
        let user = self.clone();
        client.on_room_created(move |room| {
            user.see(json!({ "roomCreated": { "room": listed(&room) } }));
            async {}
        });
        let user = self.clone();
        client.on_room_deleted(move |room_id| {
            user.see(json!({ "roomDeleted": { "roomId": room_id } }));
            async {}
        });
        let user = self.clone();
        client.on_any_direct(move |event, data| {
            user.see(json!({ "direct": { "event": event, "data": data } }));
            async {}
        });
        let (user, it) = (self.clone(), client.clone());
        tokio::spawn(async move {
            let closed = match it.closed().await {
                CloseReason::ByClient => json!({}),
                CloseReason::ByServer { code, .. } => json!({ "code": code }),
                CloseReason::Refused { code, .. } => json!({ "refused": code.as_str() }),
                other => json!({ "other": other.to_string() }),
            };
            // The handler of errors may still have to run.
            turns().await;
            user.see(json!({ "closed": closed }));
            let (connecting, refusal) = {
                let mut notes = user.notes();
                notes.losses += 1;
                (notes.connecting.take(), notes.refusal.take())
            };
            if let Some(label) = connecting {
                user.see(json!({ "result": label, "fails": refusal }));
            }
        });
    }

    /// The user has a handle of a room, and listens with it.
    pub(super) fn enter(&self, joined: &Joined<AnyRoom>, name: &str) {
        let room_id = joined.id().to_string();
        let named = (room_id.clone(), name.to_owned());
        self.notes().rooms.insert(named, joined.clone());
        let name = name.to_owned();
        self.see_with(&name, json!({ "joined": { "roomId": room_id } }));
        let (user, id, handle) = (self.clone(), room_id.clone(), name.clone());
        joined.on_recovered(move |recovery| {
            let complete = recovery == Recovery::Complete;
            user.see_with(&handle, json!({ "recovered": { "roomId": id, "complete": complete } }));
            async {}
        });
        let (user, id, handle) = (self.clone(), room_id.clone(), name.clone());
        joined.on_left(move |departure| {
            user.departs(&id, &handle, &departure);
            async {}
        });
        let (user, mut stream) = (self.clone(), joined.stream::<Value>());
        tokio::spawn(async move {
            while let Some(item) = stream.next().await {
                let item = match item {
                    Ok(event) => json!({ "event": event }),
                    Err(RoomStreamError::Gap(_)) => json!({ "gap": { "roomId": room_id } }),
                    Err(RoomStreamError::Erased(erasure)) => {
                        json!({ "erased": { "roomId": erasure.room_id, "seq": erasure.seq } })
                    }
                    Err(error) => json!({ "failed": error.to_string() }),
                };
                user.see_with(&name, item);
            }
        });
    }

    /// The user sees this with a handle.
    fn see_with(&self, handle: &str, mut seen: Value) {
        if !handle.is_empty() {
            seen["handle"] = json!(handle);
        }
        self.see(seen);
    }

    fn departs(&self, room_id: &str, handle: &str, departure: &Departure) {
        let reason = match departure {
            // The end of the connection is reported as `closed`.
            Departure::Closed => return,
            Departure::Left => None,
            Departure::Removed => Some("removed".to_owned()),
            Departure::RoomDeleted => Some("roomDeleted".to_owned()),
            Departure::Denied => Some("denied".to_owned()),
            Departure::Revoked => Some("revoked".to_owned()),
            Departure::NotRejoined(error) => {
                let mut notes = self.notes();
                if !notes.not_rejoined.contains(error) {
                    notes.not_rejoined.push(error.clone());
                }
                Some(code_of(error))
            }
            other => Some(format!("{other:?}")),
        };
        let mut left = Map::from_iter([("roomId".to_owned(), json!(room_id))]);
        left.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
        self.see_with(handle, json!({ "left": left }));
    }
}
