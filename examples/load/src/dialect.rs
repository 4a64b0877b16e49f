//! The frames that the load sends to each kind of server, and how it recognises deliveries.

use std::str::FromStr;

/// The protocol that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Dialogue's own.
    Dialogue,
    /// Every text frame goes to everyone in the room that the path names, as in minimal servers.
    Plain,
    /// Socket.IO, version 4, over WebSocket. The server joins the client to the room in its query.
    SocketIo,
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "dialogue" => Ok(Self::Dialogue),
            "plain" => Ok(Self::Plain),
            "socketio" => Ok(Self::SocketIo),
            _ => Err(format!("unknown dialect {name}: use dialogue, plain or socketio")),
        }
    }
}

impl Dialect {
    /// The path of the WebSocket.
    pub(crate) fn path(self, room: usize) -> String {
        match self {
            Self::Dialogue => "/dialogue/ws".to_owned(),
            Self::Plain => format!("/ws?room={room}"),
            Self::SocketIo => format!("/socket.io/?EIO=4&transport=websocket&room={room}"),
        }
    }

    /// The frames that the load sends to join a room, each with a text that its answer contains.
    pub(crate) fn opening(self, room: usize) -> Vec<(String, &'static str)> {
        match self {
            Self::Dialogue => vec![
                (
                    r#"{"type":"connect","protocol":1,"auth":{"userId":"load"}}"#.to_owned(),
                    r#""connected""#,
                ),
                (
                    format!(r#"{{"type":"join","id":1,"roomId":"{}"}}"#, room_id(room)),
                    r#""joined""#,
                ),
            ],
            Self::Plain => Vec::new(),
            Self::SocketIo => vec![("40".to_owned(), "40{")],
        }
    }

    /// A message to a room, of a type that only Dialogue distinguishes. Its deliveries are about `bytes` bytes long.
    pub(crate) fn message(self, event: &str, room: usize, bytes: usize) -> String {
        // The bytes around the text in a delivery.
        let envelope = match self {
            Self::Dialogue => 127,
            Self::Plain => 101,
            Self::SocketIo => 43,
        };
        let text = "x".repeat(bytes.saturating_sub(envelope).max(1));
        let data = format!(r#"{{"text":"{text}","senderId":"load"}}"#);
        match self {
            Self::Dialogue => {
                let room = room_id(room);
                format!(r#"{{"type":"trigger","roomId":"{room}","event":"{event}","data":{data}}}"#)
            }
            Self::Plain => {
                let room = room_id(room);
                format!(r#"{{"type":"event","event":"message","roomId":"{room}","data":{data},"from":"load"}}"#)
            }
            Self::SocketIo => format!(r#"42["message",{data}]"#),
        }
    }

    /// Whether a frame is a delivery.
    pub(crate) fn is_delivery(self, frame: &[u8]) -> bool {
        match self {
            Self::Dialogue | Self::Plain => frame.starts_with(br#"{"type":"event""#),
            Self::SocketIo => frame.starts_with(b"42"),
        }
    }

    /// The answer that the server needs to a frame so that it does not close the connection.
    pub(crate) fn answer(self, frame: &[u8]) -> Option<&'static str> {
        (self == Self::SocketIo && frame == b"2").then_some("3")
    }
}

fn room_id(room: usize) -> String {
    match room {
        0 => "chat".to_owned(),
        number => format!("chat-{number}"),
    }
}
