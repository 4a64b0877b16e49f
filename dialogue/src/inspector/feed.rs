//! What happens, as it happens: the server-sent events behind the page.
//!
//! - unnamed: a list of what has happened, oldest first; each entry has a `kind`: `event` (with `message`, `recipients`
//!   and `bytes`), `joined`, `left`, `created`, `deleted`, or `dropped` with the `count` of what this viewer missed
//!   before the entries that follow;
//! - `rates`: once a second, what was counted in it, dropped events included;
//! - `end`: the server is stopping.
//!
//! A viewer that reads nothing is hung up on as any other reader of a response is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::error::Failure;
use crate::id::RoomId;
use crate::protocol::write_event_message;
use crate::runtime::{Core, Notice, NoticeKind, Viewer, wall_clock};

/// How far apart lists are: quick to the eye, and twenty a second at most however much happens.
const PACE: Duration = Duration::from_millis(50);

/// How often rates are told.
const TICK: Duration = Duration::from_secs(1);

/// How many rooms' rates are told, the busiest first: more than a screen shows.
const RATED_ROOMS: usize = 200;

pub(super) async fn feed(State(core): State<Arc<Core>>) -> Result<Response, Failure> {
    if core.lifecycle.is_stopping() {
        return Err(Failure::unavailable("the server is stopping"));
    }
    let viewer = core
        .tap
        .watch()
        .ok_or_else(|| Failure::unavailable("as many are watching as may"))?;
    let mut tick = tokio::time::interval_at(Instant::now() + TICK, TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed {
        core,
        viewer,
        tick,
        next_list: Instant::now(),
        stage: Stage::Opening,
    };
    let body = Body::from_stream(stream::unfold(feed, Feed::next));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

/// One viewer's feed.
struct Feed {
    core: Arc<Core>,
    viewer: Viewer,
    tick: Interval,
    /// When the next list may be sent.
    next_list: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    Ended,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let text = match self.stage {
            Stage::Ended => return None,
            Stage::Opening => {
                self.stage = Stage::Open;
                let rates = self.rates();
                [b"retry: 2000\n\n", &rates[..]].concat()
            }
            Stage::Open => self.wait().await,
        };
        Some((Ok(text.into()), self))
    }

    async fn wait(&mut self) -> Vec<u8> {
        let listed = async {
            tokio::time::sleep_until(self.next_list).await;
            self.viewer.ready().await;
        };
        tokio::select! {
            biased;
            () = self.core.lifecycle.stopping() => {
                self.stage = Stage::Ended;
                b"event: end\ndata: {\"reason\":\"stopping\"}\n\n".to_vec()
            }
            _ = self.tick.tick() => self.rates(),
            () = listed => {
                self.next_list = Instant::now() + PACE;
                self.list()
            }
        }
    }

    fn list(&self) -> Vec<u8> {
        let (dropped, notices) = self.viewer.take();
        let at = wall_clock();
        let mut text = b"data: [".to_vec();
        if dropped > 0 {
            text.extend_from_slice(format!("{{\"kind\":\"dropped\",\"count\":{dropped},\"at\":{at}}}").as_bytes());
        }
        for (index, notice) in notices.iter().enumerate() {
            if dropped > 0 || index > 0 {
                text.push(b',');
            }
            write_notice(&mut text, notice, at);
        }
        text.extend_from_slice(b"]\n\n");
        text
    }

    fn rates(&self) -> Vec<u8> {
        let counts = self.viewer.counts();
        let mut busiest: Vec<_> = counts.rooms.into_iter().collect();
        if busiest.len() > RATED_ROOMS {
            busiest.select_nth_unstable_by_key(RATED_ROOMS, |(_, count)| std::cmp::Reverse(*count));
            busiest.truncate(RATED_ROOMS);
        }
        let rooms: std::collections::BTreeMap<RoomId, u64> = busiest.into_iter().collect();
        let rates = json!({
            "at": wall_clock(),
            "events": counts.events,
            "deliveries": counts.deliveries,
            "rooms": rooms,
            "clients": self.core.clients.len(),
            "roomCount": self.core.rooms.len(),
        });
        format!("event: rates\ndata: {rates}\n\n").into_bytes()
    }
}

/// Appends one entry of a list. JSON has no line breaks that are not escaped, so that it stays on its line.
fn write_notice(text: &mut Vec<u8>, notice: &Notice, at: u64) {
    let kind = match notice.kind {
        NoticeKind::Event { recipients } => {
            let bytes = notice.body.len();
            let head = format!("{{\"kind\":\"event\",\"recipients\":{recipients},\"bytes\":{bytes},\"message\":");
            text.extend_from_slice(head.as_bytes());
            write_event_message(text, &notice.body);
            text.push(b'}');
            return;
        }
        NoticeKind::Joined => "joined",
        NoticeKind::Left => "left",
        NoticeKind::Created => "created",
        NoticeKind::Deleted => "deleted",
    };
    text.extend_from_slice(format!("{{\"kind\":\"{kind}\",\"at\":{at},").as_bytes());
    text.extend_from_slice(notice.body.get(1..).unwrap_or_default());
}
