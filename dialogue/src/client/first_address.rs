//! Connects to the first of a host's addresses that answers, as RFC 8305 ("Happy Eyeballs") describes.
//!
//! A host may have addresses that do not answer, such as IPv6 addresses on a network whose IPv6 is broken. The client
//! must not wait for them: it tries the next address after a short time, and the first that answers wins.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// How long an attempt may take before the next one begins: the value that RFC 8305 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How many addresses of a host are tried: all that a load balancer publishes, in less than the time for an attempt to
/// connect.
const MOST_ADDRESSES: usize = 16;

/// The error if none of a host's addresses answers.
#[derive(Debug)]
pub(super) struct Unreachable(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the host has no address");
        }
        for (index, (address, error)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Unreachable {}

/// The first connection that succeeds. An attempt that fails starts the next one at once.
pub(super) async fn first_to_answer<S, F>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<S, Unreachable>
where
    F: Future<Output = io::Result<S>>,
{
    let mut waiting = alternating(addresses);
    let mut attempts = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        if let Some(address) = waiting.pop_front() {
            let attempt = connect(address);
            attempts.push(async move { (address, attempt.await) });
        }
        let pause = async {
            match waiting.is_empty() {
                true => std::future::pending().await,
                false => tokio::time::sleep(ATTEMPT_DELAY).await,
            }
        };
        tokio::select! {
            answered = attempts.next() => match answered {
                Some((_, Ok(stream))) => return Ok(stream),
                Some((address, Err(error))) => failures.push((address, error)),
                None => return Err(Unreachable(failures)),
            },
            () = pause => {}
        }
    }
}

/// The first addresses, so that the two families take turns. The system puts the best one first.
fn alternating(addresses: impl IntoIterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let (mut first, mut second) = (VecDeque::<SocketAddr>::new(), VecDeque::new());
    for address in addresses.into_iter().take(MOST_ADDRESSES) {
        let family = match first.front() {
            Some(best) if best.is_ipv4() != address.is_ipv4() => &mut second,
            _ => &mut first,
        };
        family.push_back(address);
    }
    let mut alternating = VecDeque::new();
    while let Some(address) = first.pop_front() {
        alternating.push_back(address);
        alternating.extend(second.pop_front());
    }
    alternating.extend(second);
    alternating
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tokio::time::Instant;

    const REFUSED: &str = "[2001:db8::1]:443";
    const SILENT: &str = "[2001:db8::2]:443";
    const ANSWERS: &str = "192.0.2.1:443";
    const ALSO_SILENT: &str = "192.0.2.2:443";

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    /// Connects to these addresses. Returns the outcome, and the attempts with their times in milliseconds.
    async fn run(texts: &[&str]) -> (Result<SocketAddr, Unreachable>, Vec<(String, u128)>) {
        let (begun, attempts) = (Instant::now(), RefCell::default());
        let outcome = first_to_answer(addresses(texts), |address| {
            let attempts: &RefCell<Vec<_>> = &attempts;
            attempts
                .borrow_mut()
                .push((address.to_string(), begun.elapsed().as_millis()));
            async move {
                match address.to_string().as_str() {
                    REFUSED => Err(io::ErrorKind::ConnectionRefused.into()),
                    ANSWERS => Ok(address),
                    _ => std::future::pending().await,
                }
            }
        });
        let outcome = tokio::time::timeout(Duration::from_secs(60), outcome).await;
        (outcome.expect("an outcome within a minute"), attempts.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_not_answer_delays_the_connection_by_a_quarter_of_a_second() {
        let (outcome, attempts) = run(&[SILENT, ANSWERS]).await;
        assert_eq!(outcome.expect("a connection").to_string(), ANSWERS);
        assert_eq!(attempts, [(SILENT.to_owned(), 0), (ANSWERS.to_owned(), 250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_families_take_turns() {
        let (outcome, attempts) = run(&[SILENT, "[2001:db8::3]:443", ALSO_SILENT, ANSWERS]).await;
        assert_eq!(outcome.expect("a connection").to_string(), ANSWERS);
        let order: Vec<_> = attempts.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(order, [SILENT, ALSO_SILENT, "[2001:db8::3]:443", ANSWERS]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_starts_the_next_attempt_at_once() {
        let (outcome, attempts) = run(&[REFUSED, ANSWERS]).await;
        assert_eq!(outcome.expect("a connection").to_string(), ANSWERS);
        assert_eq!(attempts, [(REFUSED.to_owned(), 0), (ANSWERS.to_owned(), 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_names_every_address() {
        let (outcome, _) = run(&[REFUSED, REFUSED]).await;
        let error = outcome.expect_err("no address answers").to_string();
        assert_eq!(error.matches(REFUSED).count(), 2, "{error}");
        let (outcome, _) = run(&[]).await;
        assert_eq!(outcome.expect_err("no address").to_string(), "the host has no address");
    }
}
