//! The results of a run.

use std::fmt;
use std::time::Duration;

pub(crate) struct Report {
    pub(crate) connections: usize,
    pub(crate) connected_in: Duration,
    /// The messages of the whole run.
    pub(crate) sent: u64,
    /// The members of a room.
    pub(crate) members: usize,
    pub(crate) deliveries: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Vec<Duration>,
    /// Of each node, then of Redis.
    pub(crate) cpu: Vec<Duration>,
    pub(crate) with_redis: bool,
    pub(crate) memory_before: Option<u64>,
    pub(crate) memory_idle: Option<u64>,
    pub(crate) memory_after: Option<u64>,
}

impl Report {
    fn kibibytes_per_connection(&self, then: Option<u64>) -> Option<f64> {
        let grown = then?.saturating_sub(self.memory_before?);
        Some(grown as f64 / 1024.0 / self.connections as f64)
    }
}

/// One line of `name=value`, for people and for scripts.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        write!(f, "deliveries/s={:.0}", self.deliveries as f64 / seconds)?;
        let (nodes, redis) = self.cpu.split_at(self.cpu.len() - usize::from(self.with_redis));
        if !nodes.is_empty() && self.deliveries > 0 {
            let cpu = nodes.iter().sum::<Duration>().as_secs_f64();
            write!(f, " cpu_us/delivery={:.3}", cpu * 1e6 / self.deliveries as f64)?;
            write!(f, " cpu={:.0}%", 100.0 * cpu / seconds)?;
            if let [redis] = redis {
                let events = self.deliveries as f64 / self.members as f64;
                write!(f, " sent={} events/s={:.0}", self.sent, events / seconds)?;
                write!(f, " redis_us/event={:.3}", redis.as_secs_f64() * 1e6 / events)?;
                write!(f, " node_us/event={:.3}", cpu * 1e6 / nodes.len() as f64 / events)?;
                for (number, node) in (1..).zip(nodes) {
                    write!(f, " node{number}_us/event={:.3}", node.as_secs_f64() * 1e6 / events)?;
                }
            }
        }
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            let index = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
            if let Some(latency) = latencies.get(index) {
                write!(f, " {name}_ms={:.2}", latency.as_secs_f64() * 1e3)?;
            }
        }
        let joins = self.connections as f64 / self.connected_in.as_secs_f64();
        write!(f, " joins/s={joins:.0}")?;
        if let Some(idle) = self.kibibytes_per_connection(self.memory_idle) {
            write!(f, " idle_KiB/connection={idle:.2}")?;
        }
        if let Some(after) = self.kibibytes_per_connection(self.memory_after) {
            write!(f, " after_KiB/connection={after:.2}")?;
        }
        Ok(())
    }
}
