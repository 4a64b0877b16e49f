//! Prints how long it takes to define events, to build a server and to make its documents: `cargo run -p parts --bin
//! startup`. A program pays this once, when it starts, most often in the debug profile.

// The documentation of 40 structs in one another lists their traits, which the compiler looks up one level at a time.
#![recursion_limit = "256"]

use std::hint::black_box;
use std::time::{Duration, Instant};

use dialogue::contract::Lock;
use dialogue::prelude::*;

/// Structs of five fields, each with the next one in it as `$next`. The last one contains nothing else.
macro_rules! nested {
    ($next:ident: $first:ident $second:ident $($rest:ident)*) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $first {
            id: u64,
            #[schemars(length(min = 1, max = 100))]
            name: String,
            tags: Vec<String>,
            seen: Option<bool>,
            next: $next<$second>,
        }

        nested! { $next: $second $($rest)* }
    };
    ($next:ident: $last:ident) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct $last {
            id: u64,
        }
    };
}

/// An event whose 40 fields are structs of five fields.
macro_rules! flat {
    ($event:ident: $($field:ident: $type:ident)*) => {
        $(
            #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
            struct $type {
                id: u64,
                #[schemars(length(min = 1, max = 100))]
                name: String,
                tags: Vec<String>,
                seen: Option<bool>,
                at: (f64, f64),
            }
        )*

        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
        struct $event {
            $($field: $type,)*
        }
    };
}

/// Rooms with five events each.
macro_rules! rooms_of_five {
    ($(
        $module:ident $room:ident $id:literal:
        $first:literal $second:literal $third:literal $fourth:literal $fifth:literal
    )*) => {
        $(
            mod $module {
                use dialogue::prelude::*;

                /// A person.
                #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
                pub(super) struct Author {
                    #[schemars(length(min = 1, max = 30))]
                    name: String,
                    picture: Option<String>,
                }

                /// What kind of a line it is.
                #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
                pub(super) enum Kind {
                    Plain,
                    Quote { of: u64 },
                    Emphasis(u8),
                }

                #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
                #[event(name = $first)]
                pub(super) struct First {
                    author: Author,
                    #[schemars(length(min = 1, max = 1000))]
                    text: String,
                    kinds: Vec<Kind>,
                }

                #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
                #[event(name = $second)]
                pub(super) struct Second {
                    author: Author,
                    line: u64,
                }

                #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
                #[event(name = $third)]
                pub(super) struct Third {
                    kind: Kind,
                    since: Option<f64>,
                }

                #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
                #[event(name = $fourth)]
                pub(super) struct Fourth {
                    author: Author,
                }

                #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
                #[event(name = $fifth)]
                pub(super) struct Fifth {
                    author: Author,
                    x: f64,
                    y: f64,
                }
            }
        )*

        rooms! {
            Rooms;
            $($room = $id { events: [
                $module::First, $module::Second, $module::Third, $module::Fourth, $module::Fifth,
            ] })*
        }
    };
}

nested! { Box:
    Required1 Required2 Required3 Required4 Required5 Required6 Required7 Required8 Required9 Required10
    Required11 Required12 Required13 Required14 Required15 Required16 Required17 Required18 Required19 Required20
    Required21 Required22 Required23 Required24 Required25 Required26 Required27 Required28 Required29 Required30
    Required31 Required32 Required33 Required34 Required35 Required36 Required37 Required38 Required39 Required40
}

nested! { Option:
    Optional1 Optional2 Optional3 Optional4 Optional5 Optional6 Optional7 Optional8 Optional9 Optional10
    Optional11 Optional12 Optional13 Optional14 Optional15 Optional16 Optional17 Optional18 Optional19 Optional20
    Optional21 Optional22 Optional23 Optional24 Optional25 Optional26 Optional27 Optional28 Optional29 Optional30
    Optional31 Optional32 Optional33 Optional34 Optional35 Optional36 Optional37 Optional38 Optional39 Optional40
}

flat! { Flat:
    a1: A1 a2: A2 a3: A3 a4: A4 a5: A5 a6: A6 a7: A7 a8: A8 a9: A9 a10: A10
    b1: B1 b2: B2 b3: B3 b4: B4 b5: B5 b6: B6 b7: B7 b8: B8 b9: B9 b10: B10
    c1: C1 c2: C2 c3: C3 c4: C4 c5: C5 c6: C6 c7: C7 c8: C8 c9: C9 c10: C10
    d1: D1 d2: D2 d3: D3 d4: D4 d5: D5 d6: D6 d7: D7 d8: D8 d9: D9 d10: D10
}

rooms_of_five! {
    r1 R1 "r1": "r1:a" "r1:b" "r1:c" "r1:d" "r1:e"
    r2 R2 "r2": "r2:a" "r2:b" "r2:c" "r2:d" "r2:e"
    r3 R3 "r3": "r3:a" "r3:b" "r3:c" "r3:d" "r3:e"
    r4 R4 "r4": "r4:a" "r4:b" "r4:c" "r4:d" "r4:e"
    r5 R5 "r5": "r5:a" "r5:b" "r5:c" "r5:d" "r5:e"
    r6 R6 "r6": "r6:a" "r6:b" "r6:c" "r6:d" "r6:e"
    r7 R7 "r7": "r7:a" "r7:b" "r7:c" "r7:d" "r7:e"
    r8 R8 "r8": "r8:a" "r8:b" "r8:c" "r8:d" "r8:e"
    r9 R9 "r9": "r9:a" "r9:b" "r9:c" "r9:d" "r9:e"
    r10 R10 "r10": "r10:a" "r10:b" "r10:c" "r10:d" "r10:e"
    r11 R11 "r11": "r11:a" "r11:b" "r11:c" "r11:d" "r11:e"
    r12 R12 "r12": "r12:a" "r12:b" "r12:c" "r12:d" "r12:e"
    r13 R13 "r13": "r13:a" "r13:b" "r13:c" "r13:d" "r13:e"
    r14 R14 "r14": "r14:a" "r14:b" "r14:c" "r14:d" "r14:e"
    r15 R15 "r15": "r15:a" "r15:b" "r15:c" "r15:d" "r15:e"
    r16 R16 "r16": "r16:a" "r16:b" "r16:c" "r16:d" "r16:e"
    r17 R17 "r17": "r17:a" "r17:b" "r17:c" "r17:d" "r17:e"
    r18 R18 "r18": "r18:a" "r18:b" "r18:c" "r18:d" "r18:e"
    r19 R19 "r19": "r19:a" "r19:b" "r19:c" "r19:d" "r19:e"
    r20 R20 "r20": "r20:a" "r20:b" "r20:c" "r20:d" "r20:e"
}

/// An event that contains 40 structs, one in the other.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct Chain {
    first: Required1,
}

/// The same, but each of them may be absent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
struct OptionalChain {
    first: Option<Optional1>,
}

rooms! {
    Nested;
    Large = "large" { events: [Flat, Chain, OptionalChain] }
}

fn main() {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("The {profile} profile. Each part runs once:");
    println!("{:>9} {:>9}", "CPU", "elapsed");
    measure("an event that contains 40 structs side by side", || {
        defined(Flat::try_definition())
    });
    measure("an event that contains 40 structs, one in the other", || {
        defined(Chain::try_definition())
    });
    measure("the same, each one optional", || {
        defined(OptionalChain::try_definition())
    });
    measure("the documents and the lock file of these three events", || {
        black_box(Nested::typescript().expect("it is valid"));
        black_box(Nested::json_schema().expect("it is valid"));
        black_box(Nested::asyncapi().expect("it is valid"));
        black_box(Lock::of::<Nested>().expect("it is valid").to_string());
    });
    measure("a server with 100 events in 20 rooms", || {
        drop(black_box(
            Dialogue::builder()
                .rooms::<Rooms>()
                .trust_client_identity()
                .build()
                .expect("it is valid"),
        ));
    });
    measure("its TypeScript", || {
        drop(black_box(Rooms::typescript().expect("it is valid")))
    });
    measure("its JSON Schema", || {
        drop(black_box(Rooms::json_schema().expect("it is valid")))
    });
    measure("its AsyncAPI", || {
        drop(black_box(Rooms::asyncapi().expect("it is valid")))
    });
    measure("its lock file", || {
        drop(black_box(Lock::of::<Rooms>().expect("it is valid").to_string()))
    });
}

fn defined<D, E: std::fmt::Debug>(definition: Result<D, E>) {
    black_box(definition.expect("the event can be defined"));
}

fn measure(name: &str, part: impl FnOnce()) {
    let (start, used) = (Instant::now(), cpu_time());
    part();
    let used = cpu_time().zip(used).map(|(after, before)| after.saturating_sub(before));
    let used = used.map_or_else(|| format!("{:>9}", "?"), milliseconds);
    println!("{used} {} ms  {name}", milliseconds(start.elapsed()));
}

/// How long this thread has used a processor, where Linux says so. Other programs hardly change it.
fn cpu_time() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(statistics.split(' ').next()?.parse().ok()?))
}

fn milliseconds(time: Duration) -> String {
    format!("{:>9.1}", time.as_secs_f64() * 1000.0)
}
