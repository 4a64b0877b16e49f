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
pub trait EventData: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> EventData for T {}

/// This impl only improves an error message. It applies to no type, because `Nothing` never implements `Never`. If there
/// is one impl, rustc looks into it and reports each missing derive separately. If there are two, rustc reports that
/// `EventData` is missing.
#[diagnostic::do_not_recommend]
#[doc(hidden)]
impl<'any, T: EventData> EventData for T where Nothing: Never<'any> {}

/// A trait that no type implements. The lifetime keeps rustc from checking the bound `Nothing: Never<'_>` where it is
/// written.
#[doc(hidden)]
pub trait Never<'any> {}

/// The type in the bounds that never hold. It belongs to this crate, so rustc knows that no other crate implements
/// `Never` for it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Nothing;
