//! Tells whether Redis can be reached.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::parts::Parts;
use crate::cluster::Contact;
use crate::cluster::redis::keys::Partition;

/// How often that is looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Runs until it is aborted.
pub(super) async fn observe_contact(parts: Arc<Parts>) {
    loop {
        let has_contact = match parts.agreed() {
            Ok(agreed) => agreed
                .keys
                .partitions()
                .all(|partition| parts.identity(partition).is_some()),
            Err(_) => parts.identity(Partition::META).is_some(),
        };
        parts.contact.send_if_modified(|contact| {
            let now = match (has_contact, &*contact) {
                (true, _) => Contact::Connected,
                (false, Contact::Connected) => Contact::Lost { since: Instant::now() },
                (false, before) => before.clone(),
            };
            let is_other = now != *contact;
            *contact = now;
            is_other
        });
        sleep(PERIOD).await;
    }
}
