//! Both macros work inside a function. An event may be an enum or have no data.
use dialogue::prelude::*;
use dialogue::RoomSet;
use dialogue::event::{HistorySetting, Received};
use serde_json::json;

fn main() {
    /// A move.
    ///
    /// Of a piece.
    #[derive(Debug, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(history)]
    enum GameMove {
        Place { x: u8, y: u8 },
        Pass,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(name = "game:over", description = "Nobody can move.", history(limit = 3))]
    struct GameOver;

    rooms! {
        Rooms;
        Game { id: String } = "game-{id}" { events: [GameMove], server_events: [GameOver] }
    }

    assert_eq!(Rooms::declarations().len(), 1);
    assert_eq!(GameMove::NAME, "game-move");
    assert_eq!(GameMove::definition().description(), Some("A move.\n\nOf a piece."));
    assert_eq!(GameMove::definition().history(), HistorySetting::ManagerLimit);
    assert_eq!(GameOver::NAME, "game:over");
    assert_eq!(GameOver::definition().description(), Some("Nobody can move."));
    assert_eq!(GameOver::definition().history(), HistorySetting::Limit(3));

    assert_eq!(GameEvent::names(), Some(["game-move", "game:over"].as_slice()));
    let placed = GameEvent::decode("game-move", &json!({ "Place": { "x": 1, "y": 2 } }));
    assert!(matches!(placed, Ok(GameEvent::GameMove(GameMove::Place { x: 1, y: 2 }))));
    assert!(matches!(GameEvent::decode("game:over", &json!(null)), Ok(GameEvent::GameOver(GameOver))));
    assert!(GameEvent::decode("game-move", &json!("Resign")).is_err());
    assert!(GameEvent::decode("other", &json!(null)).is_err());
}
