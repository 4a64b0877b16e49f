//! A server to look at through the inspector, for the browser test and for work on the page. It prints its address and
//! executes commands from its standard input, one per line:
//!
//! - `people N`: N clients join the chat;
//! - `burst N`: trigger N messages in the chat, as fast as possible;
//! - `hum`: trigger a mix of events, again and again;
//! - `stop`: stop the server gracefully, as the program itself would.
//!
//! Some variables are for tests behind proxies. `PING_INTERVAL`, `CONNECT_DEADLINE` and `READY_DELAY` are these limits, in
//! milliseconds. With `SESSION`, the inspector admits browsers with this cookie `session`, instead of those on this machine.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dialogue::inspector::local_only;
use dialogue::{Dialogue, Handshake, Limits, prelude::*};
use dialogue_tests::RawClient;
use dialogue_tests::raw::{FIN, PING, PONG, TEXT};
use serde_json::json;
use tokio::sync::mpsc;

/// A chat message.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(name = "message", history = 200)]
pub struct Message {
    /// The text of the message.
    #[schemars(length(min = 1, max = 1000))]
    text: String,
}

/// Somebody is typing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    is_typing: bool,
}

/// An order was placed. It uses every kind of field that a form must support.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
#[event(name = "order:placed", history = 50)]
pub struct OrderPlaced {
    /// The number of the table.
    #[schemars(range(min = 1, max = 40))]
    table: u8,
    priority: Priority,
    /// The price, if it is known.
    total: Option<f64>,
    paid: bool,
    #[schemars(length(min = 1, max = 5))]
    items: Vec<Item>,
    payment: Payment,
    /// Further notes, by name.
    #[serde(default)]
    notes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Priority {
    Low,
    Normal,
    High,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    /// The name on the menu.
    #[schemars(length(min = 1))]
    name: String,
    count: u16,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "camelCase")]
enum Payment {
    /// Paid at the counter.
    Cash,
    Card {
        /// The last four digits.
        #[schemars(regex(pattern = r"^[0-9]{4}$"))]
        digits: String,
    },
    Voucher {
        code: String,
        value: f64,
    },
}

/// The kitchen reports its state.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct KitchenStatus {
    waiting: u32,
    oven_temperature: f32,
}

/// Somebody rang the doorbell.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
pub struct Bell;

rooms! {
    /// The rooms that the inspector shows.
    pub Rooms;

    /// Where everyone talks.
    pub Chat = "chat" {
        name: "Chat",
        events: [Message, Typing, Bell],
        default_subscriptions: *,
        max_size: 500,
    }

    /// Orders on their way to the kitchen.
    pub Orders = "orders" {
        name: "Orders",
        events: [OrderPlaced],
        server_events: [KitchenStatus],
        default_subscriptions: [OrderPlaced],
        sync_history_on_join: 10,
    }

    /// Clients may trigger any event.
    pub Scratch = "scratch" {
        name: "Scratch pad",
        events: *,
    }

    /// One room per project.
    pub Project { id: u32 } = "project-{id}" {
        name: "Project discussion",
        events: [Message, Typing],
        default_subscriptions: *,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let defaults = Limits::default();
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .limits(
            Limits::default()
                .with_queue_frames(100_000)
                // Shorter than the patience of the harness's clients.
                .with_ping_interval(milliseconds("PING_INTERVAL").unwrap_or(Duration::from_secs(5)))
                .with_connect_deadline(milliseconds("CONNECT_DEADLINE").unwrap_or(defaults.connect_deadline))
                .with_ready_delay(milliseconds("READY_DELAY").unwrap_or(defaults.ready_delay))
                .with_queue_bytes(64 * 1024 * 1024),
        )
        .inspector(guard)
        .build()?;
    for id in 1..=300 {
        dialogue.create_room(Project { id }).created_by("ada").await?;
    }
    let address = dialogue.start((Ipv4Addr::LOCALHOST, port()?)).await?;
    let stopped = dialogue.stop_on_signal();
    println!("http://{address}");
    tokio::spawn(run_commands(dialogue.clone(), address));
    stopped.await?;
    Ok(())
}

fn port() -> Result<u16, std::num::ParseIntError> {
    std::env::var("PORT").map_or(Ok(0), |port| port.parse())
}

fn milliseconds(variable: &str) -> Option<Duration> {
    std::env::var(variable).ok()?.parse().ok().map(Duration::from_millis)
}

async fn guard(request: Handshake) -> Result<(), HookError> {
    match std::env::var("SESSION") {
        Err(_) => local_only(request).await,
        Ok(session) if request.cookie("session") == Some(&session) => Ok(()),
        Ok(_) => refuse("this is for staff"),
    }
}

async fn run_commands(dialogue: Dialogue, address: SocketAddr) {
    let (sender, mut lines) = mpsc::unbounded_channel();
    // A separate thread: the runtime's own reader of standard input would keep the process from exiting.
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        for line in lines {
            let _ = sender.send(line);
        }
    });
    while let Some(line) = lines.recv().await {
        let (command, count) = line.split_once(' ').unwrap_or((&line, ""));
        let count = count.parse().unwrap_or(1);
        match command {
            "people" => people(address, count).await,
            "burst" => burst(&dialogue, count).await,
            "hum" => drop(tokio::spawn(hum(dialogue.clone()))),
            "stop" => drop(dialogue.stop().await),
            _ => eprintln!("unknown command `{line}`"),
        }
    }
}

const NAMES: [&str; 8] = [
    "ada",
    "grace",
    "linus",
    "barbara",
    "edsger",
    "katherine",
    "alan",
    "margaret",
];

async fn people(address: SocketAddr, count: usize) {
    for number in 0..count {
        let name = NAMES[number % NAMES.len()];
        let mut client = RawClient::open(address).await;
        let mut frames = vec![json!({ "type": "connect", "protocol": 1, "auth": { "userId": name } })];
        frames.push(json!({ "type": "join", "roomId": "chat" }));
        frames.push(json!({ "type": "join", "roomId": format!("project-{}", number % 7 + 1) }));
        if number % 3 == 0 {
            frames.push(json!({ "type": "join", "roomId": "orders", "subscriptions": ["*"] }));
        }
        for frame in frames {
            client.send(FIN | TEXT, frame.to_string().as_bytes()).await;
        }
        tokio::spawn(async move {
            while let Some(frame) = client.recv().await {
                if frame.opcode == PING {
                    client.send(FIN | PONG, &frame.payload).await;
                }
            }
        });
    }
}

async fn burst(dialogue: &Dialogue, count: usize) {
    for number in 1..=count {
        let text = format!("Message {number} of a burst");
        let sent = dialogue.trigger(Chat, Message { text }.sent_by("burst")).await;
        if let Err(error) = sent {
            eprintln!("{error}");
        }
        // Slow enough that a viewer loses nothing, but faster than anyone reads.
        if number % 500 == 0 {
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
}

const LINES: [&str; 6] = [
    "Good morning! The garden needs water.",
    "Two minutes; the coffee is still dripping.",
    "Who moved the stand-up to nine?",
    "I have put the plan into the shared folder, with the numbers from last week.",
    "Looks right to me.",
    "<img src=x onerror=alert(1)> is only text here, isn't it?",
];

async fn hum(dialogue: Dialogue) {
    for step in 0_usize.. {
        tokio::time::sleep(Duration::from_millis([40, 120, 20, 260, 70][step % 5])).await;
        let name = NAMES[step * 7 % NAMES.len()];
        let text = LINES[step * 5 % LINES.len()].to_owned();
        let id = u32::try_from(step * 3 % 7 + 1).unwrap_or(1);
        let sent = match step % 9 {
            0 | 4 => dialogue.trigger(Chat, Message { text }.sent_by(name)).await,
            1 | 7 => {
                let is_typing = step % 2 == 0;
                dialogue.trigger(Chat, Typing { is_typing }.sent_by(name)).await
            }
            2 => dialogue.trigger(Orders, order(step).sent_by(name)).await,
            3 => {
                let waiting = u32::try_from(step % 13).unwrap_or(0);
                let status = KitchenStatus {
                    waiting,
                    oven_temperature: 180.5,
                };
                dialogue.trigger(Orders, status).await
            }
            5 if step % 4 == 0 => dialogue.trigger(Chat, Bell).await,
            _ => dialogue.trigger(Project { id }, Message { text }.sent_by(name)).await,
        };
        if let Err(error) = sent {
            eprintln!("{error}");
        }
    }
}

fn order(step: usize) -> OrderPlaced {
    let table = u8::try_from(step % 40 + 1).unwrap_or(1);
    OrderPlaced {
        table,
        priority: [Priority::Low, Priority::Normal, Priority::High][step % 3].clone(),
        total: (!step.is_multiple_of(4)).then_some(f64::from(table) * 3.5),
        paid: step.is_multiple_of(2),
        items: vec![
            Item {
                name: "Flammkuchen".to_owned(),
                count: 2,
            },
            Item {
                name: "Cider".to_owned(),
                count: 1,
            },
        ],
        payment: match step % 3 {
            0 => Payment::Cash,
            1 => Payment::Card {
                digits: "4242".to_owned(),
            },
            _ => Payment::Voucher {
                code: "SPRING".to_owned(),
                value: 10.0,
            },
        },
        notes: BTreeMap::from([("allergies".to_owned(), "nuts".to_owned())]),
    }
}
