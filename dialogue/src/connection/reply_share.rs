//! How many bytes of long replies may wait unsent for the connections of one holder.
//!
//! A long reply (`joined`, `history`, `rooms`) belongs to one client, unlike an event, which all its readers share. Without
//! this limit, many connections that request much and read nothing would take as much memory as they like.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::holder::Holder;

/// The bytes of unsent replies of each holder that has any.
#[derive(Debug)]
pub(crate) struct ReplyShares {
    by_holder: Mutex<HashMap<Holder, Arc<Semaphore>>>,
    /// How many bytes each holder may have.
    limit: usize,
}

/// A part of a holder's bytes. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ReplyShare {
    shares: Arc<ReplyShares>,
    holder: Holder,
    /// `None` while the holder has no space for it yet.
    permit: Option<OwnedSemaphorePermit>,
}

/// A reply that gives its share back when its last copy is dropped.
struct SharedReply {
    payload: Bytes,
    _share: ReplyShare,
}

impl ReplyShares {
    /// `limit` is how many bytes each holder may have.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            by_holder: Mutex::default(),
            limit: limit.min(Semaphore::MAX_PERMITS),
        }
    }

    /// Waits until a reply of `bytes` is within the holder's limit. Whoever waits first, comes first.
    pub(crate) async fn acquire(self: &Arc<Self>, holder: Holder, bytes: usize) -> ReplyShare {
        let semaphore = {
            let mut by_holder = self.by_holder.lock();
            let entry = by_holder.entry(holder.clone());
            Arc::clone(entry.or_insert_with(|| Arc::new(Semaphore::new(self.limit))))
        };
        let mut share = ReplyShare {
            shares: Arc::clone(self),
            holder,
            permit: None,
        };
        // A reply that is longer than the limit takes all of it.
        let bytes = u32::try_from(bytes.min(self.limit)).unwrap_or(u32::MAX);
        share.permit = semaphore.acquire_many_owned(bytes).await.ok();
        share
    }
}

impl ReplyShare {
    /// The reply, which keeps as much of the share as it needs for as long as it waits.
    pub(crate) fn attach(mut self, payload: Bytes) -> Bytes {
        if let Some(permit) = &mut self.permit {
            let excess = permit.num_permits().saturating_sub(payload.len());
            drop(permit.split(excess));
        }
        Bytes::from_owner(SharedReply { payload, _share: self })
    }
}

impl AsRef<[u8]> for SharedReply {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Drop for ReplyShare {
    fn drop(&mut self) {
        self.permit = None;
        let mut by_holder = self.shares.by_holder.lock();
        // Whoever waits or has a share also points to it.
        if let Entry::Occupied(entry) = by_holder.entry(self.holder.clone())
            && Arc::strong_count(entry.get()) == 1
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn ada() -> Holder {
        Holder::User("ada".into())
    }

    #[test]
    fn a_reply_waits_until_its_holder_has_space_and_others_do_not() {
        let shares = Arc::new(ReplyShares::new(10));
        let first = shares.acquire(ada(), 8).now_or_never().expect("space");
        let mut second = Box::pin(shares.acquire(ada(), 8));
        assert!((&mut second).now_or_never().is_none());
        let other = shares.acquire(Holder::User("grace".into()), 8).now_or_never();
        assert!(other.is_some());
        let reply = first.attach(Bytes::from_static(b"ab"));
        assert!(second.now_or_never().is_some(), "the reply is shorter than expected");
        assert_eq!(reply, "ab");
    }

    #[test]
    fn a_reply_keeps_its_share_until_its_last_copy_is_gone() {
        let shares = Arc::new(ReplyShares::new(10));
        let share = shares.acquire(ada(), 10).now_or_never().expect("space");
        let reply = share.attach(Bytes::from_static(b"0123456789"));
        let copy = reply.slice(2..4);
        drop(reply);
        assert!(shares.acquire(ada(), 1).now_or_never().is_none());
        drop(copy);
        assert!(shares.acquire(ada(), 10).now_or_never().is_some());
        assert!(shares.by_holder.lock().is_empty());
    }

    #[test]
    fn a_reply_that_is_longer_than_the_limit_takes_all_of_it() {
        let shares = Arc::new(ReplyShares::new(10));
        let share = shares.acquire(ada(), 1_000).now_or_never().expect("space");
        assert!(shares.acquire(ada(), 1).now_or_never().is_none());
        drop(share);
        assert!(shares.by_holder.lock().is_empty());
    }
}
