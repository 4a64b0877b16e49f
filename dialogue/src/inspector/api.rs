//! The requests of the page: the list of rooms, one room, its history, and a trigger.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::describe;
use super::error::ErrorResponse;
use super::gate::is_json;
use crate::containment::text_of;
use crate::id::{EventName, UserId};
use crate::log::LogCursor;
use crate::protocol::{parse_json, write_event_message};
use crate::room::RoomCell;
use crate::runtime::{Core, Draft, Rejected, by_server, page};

/// The most rooms in one page of the list.
const ROOM_PAGE: usize = 200;

#[derive(Deserialize)]
pub(super) struct RoomListQuery {
    /// Text that the id or the name contains, in any case.
    filter: Option<String>,
    /// The page begins after this id.
    after: Option<String>,
}

/// A page of all rooms, also unlisted ones, in the order of their ids: `{"rooms","more","total"}`. `total` counts the
/// rooms that match the filter.
pub(super) async fn rooms(State(core): State<Arc<Core>>, Query(wanted): Query<RoomListQuery>) -> Response {
    let filter = wanted.filter.unwrap_or_default().to_lowercase();
    let holds = |text: &str| text.to_lowercase().contains(&filter);
    let mut matching = core.rooms.all();
    if !filter.is_empty() {
        matching.retain(|room| holds(&room.id) || holds(&room.template.name));
    }
    let total = matching.len();
    if let Some(after) = &wanted.after {
        matching.retain(|room| room.id.as_str() > after.as_str());
    }
    let more = matching.len() > ROOM_PAGE;
    if more {
        // A server may have 100,000 rooms; sorting only this page's rooms is enough.
        matching.select_nth_unstable_by(ROOM_PAGE, |a, b| a.id.cmp(&b.id));
        matching.truncate(ROOM_PAGE);
    }
    matching.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let rows: Vec<_> = matching.iter().map(|room| describe::RoomRow::of(room)).collect();
    answer(&json!({ "rooms": rows, "more": more, "total": total }))
}

/// All details of one room, with at most 500 of its members.
pub(super) async fn room(State(core): State<Arc<Core>>, Path(room): Path<String>) -> Result<Response, ErrorResponse> {
    let room = find(&core, &room)?;
    Ok(answer(&describe::RoomDetails::of(&core, &room)))
}

#[derive(Deserialize)]
pub(super) struct HistoryPageQuery {
    /// The event's name. Without it, the page has the newest events of all types in memory.
    event: Option<EventName>,
    /// Only events with a lower number.
    before: Option<u64>,
}

/// A page of a room's history, newest first: `{"events","more"}`.
pub(super) async fn history(
    State(core): State<Arc<Core>>,
    Path(room): Path<String>,
    Query(wanted): Query<HistoryPageQuery>,
) -> Result<Response, ErrorResponse> {
    let room = find(&core, &room)?;
    let limit = core.limits.history_page_events;
    let (events, more) = match (wanted.event, wanted.before) {
        (None, _) => (core.history.newest(&room), false),
        (Some(event), before) => {
            let cursor = match before {
                Some(seq) => LogCursor::Before { seq, limit },
                None => LogCursor::Index { start: 0, end: limit },
            };
            let page = page(&core, &room, &event, cursor, None)
                .await
                .map_err(|error| ErrorResponse::unavailable(text_of(&error)))?;
            (page.events, page.more)
        }
    };
    let mut body = b"{\"events\":[".to_vec();
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        write_event_message(&mut body, event);
    }
    body.extend_from_slice(format!("],\"more\":{more}}}").as_bytes());
    Ok(answer_text(body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerBody {
    event: EventName,
    #[serde(default)]
    data: Value,
    /// The sender; the server itself by default.
    from: Option<UserId>,
}

/// Triggers an event as the server, with data in the shape that clients send.
pub(super) async fn trigger(
    State(core): State<Arc<Core>>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ErrorResponse> {
    is_json(&headers)?;
    let reading = axum::body::to_bytes(body, core.limits.queue_bytes);
    let body = tokio::time::timeout(core.limits.connect_deadline, reading)
        .await
        .map_err(|_| ErrorResponse::invalid_request("the body did not arrive in time"))?
        .map_err(|_| ErrorResponse::invalid_request("the body is too large or incomplete"))?;
    let text = std::str::from_utf8(&body).map_err(|_| ErrorResponse::invalid_request("the body is not UTF-8"))?;
    let wanted: TriggerBody = parse_json(text, core.limits.json_depth)
        .map_err(|error| error.to_string())
        .and_then(|value| serde_json::from_value(value).map_err(|error| error.to_string()))
        .map_err(ErrorResponse::invalid_request)?;
    let room = find(&core, &room)?;
    let event = wanted.event.clone();
    let delivery = trigger_in(&core, &room, wanted)
        .await
        .map_err(|rejected| rejected.into_trigger_error(&room.id, &event))?;
    core.log(|| tracing::info!(room = %room.id, %event, "the inspector triggered an event"));
    Ok(answer(
        &json!({ "recipients": delivery.recipients, "seq": delivery.seq }),
    ))
}

async fn trigger_in(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    wanted: TriggerBody,
) -> Result<crate::delivery::Delivery, Rejected> {
    let TriggerBody { event, mut data, from } = wanted;
    if let Some(definition) = room.template.policy.definition(&event) {
        data = definition.accept(data).map_err(Rejected::Invalid)?;
    }
    let draft = Draft {
        event,
        data,
        from: from.unwrap_or_else(UserId::system),
        meta: None,
        timestamp: None,
    };
    by_server(core, room, draft).await
}

/// The room that a path names. Browsers resolve the ids `.` and `..` as steps of the path, in any spelling. The page
/// therefore puts a `~` before them, which no id contains.
fn find(core: &Core, room: &str) -> Result<Arc<RoomCell>, ErrorResponse> {
    let id = room.strip_prefix('~').unwrap_or(room);
    core.rooms.find(id).ok_or_else(ErrorResponse::no_such_room)
}

fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => answer_text(body),
        Err(error) => ErrorResponse::unavailable(error.to_string()).into_response(),
    }
}

fn answer_text(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
