//! Connects to the first of a host's addresses that answers, as RFC 8305 ("Happy Eyeballs") describes.
//!
//! A host may have addresses that do not answer, such as IPv6 addresses on a network whose IPv6 is broken. The client
//! must not wait for them: it tries the next address after a short time, and the first that answers wins.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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

/// The first connection that succeeds.
pub(super) async fn first_to_answer<S, F>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<S, Unreachable>
where
    F: Future<Output = io::Result<S>>,
{
    let mut failures = Vec::new();
    for address in addresses {
        match connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failures.push((address, error)),
        }
    }
    Err(Unreachable(failures))
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
    #[ignore = "fails until EYEBALLS"]
    async fn an_address_that_does_not_answer_delays_the_connection_by_a_quarter_of_a_second() {
        let (outcome, attempts) = run(&[SILENT, ANSWERS]).await;
        assert_eq!(outcome.expect("a connection").to_string(), ANSWERS);
        assert_eq!(attempts, [(SILENT.to_owned(), 0), (ANSWERS.to_owned(), 250)]);
    }

    #[tokio::test(start_paused = true)]
    #[ignore = "fails until EYEBALLS"]
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
