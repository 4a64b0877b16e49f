//! The bound on the types whose schema can be enforced.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The traits that an event type needs: `Serialize`, `Deserialize` and `JsonSchema`, all derived.
///
/// Every type with these traits implements `EventData`. There is nothing to write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have all the derives that an event needs",
    label = "must implement `Serialize`, `Deserialize` and `JsonSchema`",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]` on `{Self}`, and make sure that its fields implement the first three"
)]
pub trait EventData<Why = ()>: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> EventData for T {}

/// This impl only improves an error message. It applies to no type, because no type implements `Never`. If there is
/// one impl, rustc looks into it and reports each missing derive separately. If there are two, rustc reports that
/// `EventData` is missing.
#[diagnostic::do_not_recommend]
#[doc(hidden)]
impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static, Why: Never> EventData<Why> for T {}

/// A trait that no type implements.
pub trait Never {}
