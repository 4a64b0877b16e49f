//! A refusal: a hook's decision against a client, with the reason and the data that the client receives.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::disposal::drop_contained;

/// How many errors of a chain are searched.
const LONGEST_CHAIN: usize = 100;

/// A hook's decision against a client or an event, with a reason for the client.
///
/// `?` turns a refusal into a [`HookError`](crate::HookError), and [`refuse`](crate::refuse) returns one as the result
/// of a hook. A refusal stays a refusal inside other errors, such as a `Box<dyn Error>` or an `anyhow::Error`. Any other
/// error is a failure: the client learns only that it may try again.
///
/// ```
/// use dialogue::Refusal;
/// use serde_json::json;
///
/// let refusal = Refusal::new("the room is for members").with_data(json!({ "plan": "pro" }));
/// assert_eq!(refusal.reason(), "the room is for members");
/// assert_eq!(refusal.data(), Some(&json!({ "plan": "pro" })));
/// ```
#[derive(Clone)]
pub struct Refusal {
    content: RefusalContent,
}

/// Everything in a [`Refusal`], which names it as its source. A refusal is therefore found in the chain of sources of
/// any error that contains it, even if that error hides the refusal itself.
#[derive(Clone)]
struct RefusalContent {
    reason: Arc<str>,
    data: Option<Arc<Value>>,
    cause: Cause,
}

/// The cause of a refusal. It is the application's, and its `Drop` may panic.
#[derive(Clone, Default)]
struct Cause(Option<Arc<dyn Error + Send + Sync>>);

impl Drop for Cause {
    fn drop(&mut self) {
        if let Some(cause) = self.0.take() {
            drop_contained(cause);
        }
    }
}

impl Refusal {
    /// Refuses with a reason that the client receives.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            content: RefusalContent {
                reason: reason.into().into(),
                data: None,
                cause: Cause::default(),
            },
        }
    }

    /// Refuses with a reason that the client receives, and a cause that only the log contains.
    pub fn because(reason: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut refusal = Self::new(reason);
        refusal.content.cause = Cause(Some(Arc::from(cause.into())));
        refusal
    }

    /// Adds data for the client's program, such as the plan that the user needs. The client receives it as `data` of
    /// the error. Data that cannot be written as JSON is left out, and the server logs why.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        match serde_json::to_value(data) {
            Ok(data) => self.content.data = Some(Arc::new(data)),
            Err(error) => drop(self.content.cause.0.get_or_insert(Arc::new(error))),
        }
        self
    }

    /// The reason that the client receives.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.content.reason
    }

    /// The data that the client receives, if there is any.
    #[must_use]
    pub fn data(&self) -> Option<&Value> {
        self.content.data.as_deref()
    }

    /// The cause. The server logs it and never sends it to the client.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.content.cause.0.as_deref()
    }

    /// Finds a refusal in an error or in its chain of sources.
    pub(super) fn find_in(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        // An error of the application may name itself as its source.
        for _ in 0..LONGEST_CHAIN {
            let error = next?;
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(refusal.clone());
            }
            if let Some(content) = error.downcast_ref::<RefusalContent>() {
                let content = content.clone();
                return Some(Self { content });
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("reason", &self.reason())
            .field("data", &self.data())
            .field("cause", &self.cause())
            .finish()
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.content)
    }
}

/// Prints the cause.
impl fmt::Display for RefusalContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause.0 {
            Some(cause) => cause.fmt(f),
            None => f.write_str("refused by a hook"),
        }
    }
}

impl fmt::Debug for RefusalContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for RefusalContent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.0.as_ref()?.source()
    }
}
