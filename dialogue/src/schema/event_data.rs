//! The bound on types that have a schema which can be enforced.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a type must be before it can be an event: `Serialize`, `Deserialize` and `JsonSchema`, all derived.
///
/// Implemented for every type that qualifies; there is nothing to write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have all the derives that an event needs",
    label = "must implement `Serialize`, `Deserialize` and `JsonSchema`",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`, and make sure that its fields implement the first three"
)]
pub trait EventData<Why = ()>: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> EventData for T {}

/// For the sake of the error alone: this impl is for nobody, since nothing is `Never`. With one impl to choose from,
/// rustc looks into it and reports each derive that is missing by itself; with two it says that `EventData` is.
#[diagnostic::do_not_recommend]
#[doc(hidden)]
impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static, Why: Never> EventData<Why> for T {}

/// What nothing is.
pub trait Never {}
