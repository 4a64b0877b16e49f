//! The values that an application stores with its server, one of each type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use crate::hook::drop_contained;

/// The values that `Builder::state` received.
#[derive(Default)]
pub(crate) struct ApplicationState(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

/// The values are the application's, and their `Drop` may panic.
impl Drop for ApplicationState {
    fn drop(&mut self) {
        self.0.drain().for_each(drop_contained);
    }
}

impl ApplicationState {
    /// Adds a value. Returns false, and adds nothing, if there is one of this type.
    pub(super) fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> bool {
        let is_new = !self.0.contains_key(&TypeId::of::<T>());
        if is_new {
            self.0.insert(TypeId::of::<T>(), Arc::new(value));
        }
        is_new
    }

    /// The value of this type, if there is one.
    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.get(&TypeId::of::<T>())?).downcast().ok()
    }
}
