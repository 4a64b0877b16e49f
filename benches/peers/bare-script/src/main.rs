//! The least that a log with a feed on Redis costs: one script that numbers, stores and publishes the events of a batch, and
//! nothing else. It checks nothing, and nobody could repeat a call.
//!
//! ```text
//! bare-script REDIS-URL NODES EVENTS-PER-SECOND EVENTS-PER-CALL BYTES SECONDS kept|volatile REDIS-PID
//! ```
//!
//! As many nodes take turns to call it, and each is subscribed to the channel. It prints Redis's CPU time per event, twice:
//! with one PUBLISH per event and with one per batch.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use tokio::time::MissedTickBehavior;

/// ARGV 1 says whether the batch is one message; the others are the events.
const KEPT: &str = r"
local seq
for index = 2, #ARGV do
    seq = redis.call('INCR', KEYS[1])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', 50, '*', 'n', seq, 'e', ARGV[index])
    if ARGV[1] == '' then redis.call('PUBLISH', KEYS[3], ARGV[index]) end
end
if ARGV[1] ~= '' then redis.call('PUBLISH', KEYS[3], table.concat(ARGV, '\n', 2)) end
return seq";

/// The same without a log.
const VOLATILE: &str = r"
if ARGV[1] == '' then
    for index = 2, #ARGV do redis.call('PUBLISH', KEYS[3], ARGV[index]) end
else
    redis.call('PUBLISH', KEYS[3], table.concat(ARGV, '\n', 2))
end
return #ARGV";

struct Plan {
    events_per_second: f64,
    events_per_call: f64,
    bytes: usize,
    time: Duration,
    script: redis::Script,
    redis_pid: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [
        url,
        nodes,
        events_per_second,
        events_per_call,
        bytes,
        seconds,
        class,
        pid,
    ] = &arguments[..]
    else {
        return Err("give eight arguments: see the beginning of main.rs".into());
    };
    let plan = Plan {
        events_per_second: events_per_second.parse()?,
        events_per_call: events_per_call.parse::<f64>()?.max(1.0),
        bytes: bytes.parse()?,
        time: Duration::from_secs(seconds.parse()?),
        script: redis::Script::new(if class == "kept" { KEPT } else { VOLATILE }),
        redis_pid: pid.parse()?,
    };
    let client = redis::Client::open(url.as_str())?;
    let mut callers = Vec::new();
    for _ in 0..nodes.parse()? {
        callers.push(client.get_multiplexed_async_connection().await?);
        let mut feed = client.get_async_pubsub().await?;
        feed.subscribe("bare:feed").await?;
        tokio::spawn(async move {
            let mut messages = feed.into_on_message();
            while messages.next().await.is_some() {}
        });
    }
    // The two take turns, so that what else happens on the machine affects both.
    let mut sums = [(Duration::ZERO, 0); 2];
    for turn in 0..6 {
        let (cpu, events) = run(&plan, &mut callers, turn % 2 == 1).await?;
        sums[turn % 2].0 += cpu;
        sums[turn % 2].1 += events;
    }
    let [per_event, per_batch] = sums.map(|(cpu, events)| cpu.as_secs_f64() * 1e6 / f64::from(events));
    println!("bare_us/event={per_event:.3} bare_batch_us/event={per_batch:.3}");
    Ok(())
}

/// Calls the script for a sixth of the time. Returns Redis's CPU time and the number of events.
async fn run(
    plan: &Plan,
    callers: &mut [MultiplexedConnection],
    as_one_message: bool,
) -> Result<(Duration, u32), Box<dyn std::error::Error>> {
    let text = "x".repeat(plan.bytes);
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(plan.events_per_call / plan.events_per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut due, mut events) = (0.0, 0);
    let (began, before) = (Instant::now(), cpu(plan.redis_pid)?);
    let mut turn = 0;
    while began.elapsed() < plan.time / 6 {
        ticks.tick().await;
        due += plan.events_per_call;
        let count = due as u32;
        due -= f64::from(count);
        let mut call = plan.script.key("bare:seq");
        call.key("bare:log")
            .key("bare:feed")
            .arg(if as_one_message { "1" } else { "" });
        for _ in 0..count {
            call.arg(&text);
        }
        let nodes = callers.len();
        let _: i64 = call.invoke_async(&mut callers[turn % nodes]).await?;
        turn += 1;
        events += count;
    }
    Ok((cpu(plan.redis_pid)? - before, events))
}

/// The CPU time that all threads of the process have used.
fn cpu(pid: u32) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let line = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += line.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
