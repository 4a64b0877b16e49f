//! Runs the steps of a script against the client.
//!
//! The client and the server are tasks of one thread. The clock is paused, and a blocking task keeps it from moving by
//! itself, so it moves only in the step `passes` and while a connection is awaited. What must happen is waited for in
//! real time, up to a limit. What must not happen has its chance in `TURNS` turns of all tasks and of the network, and
//! is found at the latest after the last step.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::matching::{Bound, Mismatch, check, check_groups, check_set, fill};
use super::script::{Never, Opens, Script, Step};
use super::server::Server;
use super::user::User;

/// How often every task and the network get their turn before something counts as not happening.
pub(super) const TURNS: usize = 100;

/// How long a script may take in real time. Far more than a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time passes in steps of this many milliseconds, so that timers that set further timers are not late.
const TICK: u64 = 100;

/// Runs a script.
///
/// # Errors
///
/// The client did something else than the script says.
pub(crate) fn run(script: &Script) -> Result<(), Mismatch> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        // The network gets a turn after each turn of a task.
        .event_interval(1)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (finished, until_finished) = mpsc::channel::<()>();
        let (give_up, given_up) = oneshot::channel::<()>();
        // A clock does not move by itself while a blocking task runs.
        let patience = tokio::task::spawn_blocking(move || {
            if until_finished.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = give_up.send(());
            }
        });
        let place = Rc::new(RefCell::new(String::new()));
        let outcome = tokio::select! {
            outcome = take_steps(script, &place) => outcome,
            Ok(()) = given_up => Err("nothing happened for a long time".to_owned()),
        };
        drop(finished);
        let _ = patience.await;
        outcome.map_err(|mismatch| format!("{}\n{mismatch}", place.borrow()))
    })
}

async fn take_steps(script: &Script, place: &RefCell<String>) -> Result<(), Mismatch> {
    let server = Server::new().await;
    let user = User::new(&script.settings, server.address());
    let mut stage = Stage {
        server,
        user,
        bound: script.bound.clone(),
    };
    for (index, step) in script.steps.iter().enumerate() {
        *place.borrow_mut() = format!("step {}: {step:?}", index + 1);
        stage.take(step).await?;
    }
    "after the last step".clone_into(&mut place.borrow_mut());
    stage.server.send(Vec::new()).await;
    for step in [
        Step::Sends(Vec::new()),
        Step::Sees(Vec::new()),
        Step::Opens(Opens::Nothing(Never)),
    ] {
        stage.take(&step).await?;
    }
    stage.expect_no_strays()
}

struct Stage {
    server: Server,
    user: User,
    bound: Bound,
}

impl Stage {
    async fn take(&mut self, step: &Step) -> Result<(), Mismatch> {
        match step {
            Step::Setup(name) => return Err(format!("the setup {name} has no steps")),
            Step::Call(call) => self.user.call(&fill(call, &self.bound)?)?,
            Step::Opens(Opens::Within(within)) => {
                pass(*within).await;
                self.server.accept().await;
                self.expect_no_strays()?;
            }
            Step::Opens(Opens::Nothing(_)) => {
                if self.server.has_caller().await {
                    return Err("the client opened a connection".to_owned());
                }
            }
            Step::Sends(expected) => {
                let frames = Value::Array(self.frames(expected.len()).await);
                check(&Value::Array(expected.clone()), &frames, &mut self.bound)?;
            }
            Step::SendsInAnyOrder(expected) => {
                let frames = self.frames(expected.len()).await;
                check_set(expected, &frames, &mut self.bound)?;
            }
            Step::Receives(frames) => {
                let filled = frames.iter().map(|frame| fill(frame, &self.bound));
                let texts = filled
                    .map(|frame| Ok(frame?.to_string()))
                    .collect::<Result<_, Mismatch>>()?;
                self.server.send(texts).await;
            }
            Step::ReceivesText(text) => {
                let text = fill(text, &self.bound)?;
                self.server
                    .send(vec![text.as_str().unwrap_or_default().to_owned()])
                    .await;
            }
            Step::Closes(closing) => {
                let code = fill(&closing.code, &self.bound)?;
                let code = code.as_u64().and_then(|code| u16::try_from(code).ok());
                let noticed = self.user.losses();
                self.server.close(code.ok_or("not a code")?, &closing.reason).await;
                self.user.notices_a_loss_after(noticed).await;
            }
            Step::Loses(_) => {
                let noticed = self.user.losses();
                self.server.lose().await;
                self.user.notices_a_loss_after(noticed).await;
            }
            Step::HangsUp(_) if self.server.is_lost() => {
                return Err("the script itself has ended the connection".to_owned());
            }
            Step::HangsUp(_) => {
                while !self.server.has_ended() {
                    yield_now().await;
                }
            }
            Step::Passes(ms) => pass(*ms).await,
            Step::Sees(expected) => {
                let seen = self.seen(expected.len()).await;
                check_groups(expected, &seen, &mut self.bound)?;
            }
            Step::Held(label) => {
                turns().await;
                let frames = self.server.frames();
                if !frames.is_empty() {
                    return Err(format!("the client sent {frames:?}"));
                }
                let seen = self.user.taken();
                if !seen.is_empty() {
                    let refused = json!([{ "result": label, "fails": "OVERLOADED" }]);
                    check(&refused, &Value::Array(seen), &mut self.bound)?;
                }
            }
            Step::Differ(placeholders) => {
                let filled = placeholders.iter().map(|name| fill(&json!(name), &self.bound));
                let filled: Vec<_> = filled.collect::<Result<_, _>>()?;
                if filled
                    .iter()
                    .enumerate()
                    .any(|(index, value)| filled[..index].contains(value))
                {
                    return Err(format!("not different: {filled:?}"));
                }
            }
        }
        turns().await;
        Ok(())
    }

    fn expect_no_strays(&self) -> Result<(), Mismatch> {
        match &self.server.strays()[..] {
            [] => Ok(()),
            strays => Err(format!("the client also sent, on an earlier connection: {strays:?}")),
        }
    }

    /// The frames of the client, once there are this many.
    async fn frames(&mut self, at_least: usize) -> Vec<Value> {
        turns().await;
        while self.server.arrived() < at_least && !self.server.has_ended() {
            yield_now().await;
        }
        self.server.frames()
    }

    /// What the user has seen, once there is this much.
    async fn seen(&mut self, at_least: usize) -> Vec<Value> {
        turns().await;
        let mut seen = self.user.taken();
        while seen.len() < at_least {
            yield_now().await;
            seen.extend(self.user.taken());
        }
        seen
    }
}

/// Lets all tasks and the network do what they can do without time.
pub(super) async fn turns() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

/// Lets time pass.
async fn pass(ms: u64) {
    turns().await;
    let mut left = ms;
    while left > 0 {
        let step = left.min(TICK);
        tokio::time::advance(Duration::from_millis(step)).await;
        for _ in 0..10 {
            yield_now().await;
        }
        left -= step;
    }
    turns().await;
}
