//! The live feed of the page, as server-sent events.
//!
//! - Events without a name are lists of new entries, the oldest first. Each entry has a `kind`: `event` (with `message`,
//!   `recipients` and `bytes`), `joined`, `left`, `created`, `deleted`, or `dropped`. The last has the `count` of entries
//!   that this viewer missed before the following ones.
//! - `rates` follows once per second, with the counts of that second. They include dropped events.
//! - `end` says that the server is stopping.
//!
//! A viewer that reads nothing is disconnected, like every other reader of a response.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{self, HeaderName};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::error::ErrorResponse;
use super::observer::PageObserver;
use crate::id::RoomId;
use crate::runtime::{Core, Observer, Registration, wall_clock};

/// The shortest time between two lists: fast enough for the eye, and at most twenty lists per second.
const PACE: Duration = Duration::from_millis(50);

/// The time between two `rates`.
const TICK: Duration = Duration::from_secs(1);

/// The most rooms in one `rates`; the busiest ones are chosen. A screen shows fewer.
const RATED_ROOMS: usize = 200;

/// A proxy that collects a response before it sends it, as nginx does, must not do so here.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) async fn feed(State(core): State<Arc<Core>>, request: Request) -> Result<Response, ErrorResponse> {
    let closing = core.lifecycle.end_of(request.extensions());
    if closing.is_cancelled() {
        return Err(ErrorResponse::unavailable("the server is stopping"));
    }
    let observer = Arc::new(PageObserver::new());
    let place = core
        .observe
        .observers()
        .add(Arc::clone(&observer) as Arc<dyn Observer>)
        .map_err(|error| ErrorResponse::unavailable(error.to_string()))?;
    let mut tick = tokio::time::interval_at(Instant::now() + TICK, TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed {
        core,
        closing,
        observer,
        _place: place,
        tick,
        next_list: Instant::now(),
        stage: Stage::Opening,
    };
    let body = Body::from_stream(stream::unfold(feed, Feed::next));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (BUFFERING, "no")];
    Ok((headers, body).into_response())
}

/// One viewer's feed.
struct Feed {
    core: Arc<Core>,
    /// Announces the end of the viewer's connection.
    closing: CancellationToken,
    observer: Arc<PageObserver>,
    _place: Registration,
    tick: Interval,
    /// The earliest time of the next list.
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
            self.observer.ready().await;
        };
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {
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
        let (dropped, entries) = self.observer.take();
        let at = wall_clock();
        let mut text = b"data: [".to_vec();
        if dropped > 0 {
            text.extend_from_slice(format!("{{\"kind\":\"dropped\",\"count\":{dropped},\"at\":{at}}}").as_bytes());
        }
        for (index, entry) in entries.enumerate() {
            if dropped > 0 || index > 0 {
                text.push(b',');
            }
            entry.write(&mut text, at);
        }
        text.extend_from_slice(b"]\n\n");
        text
    }

    fn rates(&self) -> Vec<u8> {
        let counts = self.observer.counts();
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
