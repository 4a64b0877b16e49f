//! A client requests more than its queue holds, faster than the network transfers it.

use serde_json::json;

use super::peer::{Peer, PeerFrame};
use super::{Plenty, settle};
use crate::room::SyncHistory;
use crate::{Dialogue, Limits, RoomConfig};

/// How many replies of some 700 bytes are requested at once. A queue holds 2,000 bytes.
const REQUESTS: usize = 40;

#[tokio::test(start_paused = true)]
async fn a_client_that_requests_more_than_its_queue_holds_receives_everything_as_it_reads() {
    let limits = Limits {
        queue_bytes: 2_000,
        replay_bytes: 900,
        history_page_bytes: 900,
        rooms_per_client: REQUESTS,
        ..Limits::default()
    };
    let dialogue = Dialogue::builder()
        .define_events([])
        .limits(limits)
        .build()
        .expect("a server");
    for number in 0..REQUESTS {
        let config = RoomConfig::new(format!("room-{number}"))
            .event::<Plenty>()
            .sync_history_on_join(SyncHistory::All)
            .subscribe_to_all();
        let room = dialogue.create_room(config).await.expect("a room");
        for number in 0..6 {
            room.trigger(Plenty { number }).await.expect("a delivery");
        }
    }
    // The network holds all requests, and a fifth of the replies.
    let mut peer = Peer::connect(&dialogue, 1 << 14).await;
    peer.receive_type("connected").await;
    let joins = (0..REQUESTS).map(|at| json!({ "type": "join", "roomId": format!("room-{at}") }));
    let pages = (0..REQUESTS).map(|at| json!({ "type": "history", "roomId": format!("room-{at}"), "event": "plenty" }));
    let lists = (0..REQUESTS).map(|_| json!({ "type": "listRooms" }));
    for request in joins.chain(pages).chain(lists) {
        peer.send(&request).await;
    }
    settle().await;
    for expected in ["joined", "history", "rooms"] {
        for _ in 0..REQUESTS {
            match peer.receive().await {
                Some(PeerFrame::Text(reply)) => assert_eq!(reply["type"], expected, "{reply}"),
                other => panic!("{other:?} instead of a reply"),
            }
        }
    }
}
