//! The joins and leaves among the waiting requests.

use std::collections::BTreeSet;

use super::Pending;
use super::entry::PendingRequest;
use crate::client::answer::ReplySender;
use crate::client::request_kind::{MAX_EXCEPTIONS, RequestKind};
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, JoinCommand, SubscriptionList};

impl Pending {
    /// Lets a call that joins share the request that is already waiting, if nothing but the caller differs. Returns the
    /// caller otherwise.
    pub(in crate::client) fn share_join(&mut self, join: &JoinCommand, reply: ReplySender) -> Option<ReplySender> {
        let moves = self.entries.values_mut().rev().filter(|entry| !entry.is_abandoned());
        let mut moves = moves.filter(|entry| entry.kind.moves() == Some(&join.room_id));
        match moves.next() {
            Some(PendingRequest {
                kind: RequestKind::Join { wanted, .. },
                replies,
                ..
            }) if join.subscriptions.is_none() || *wanted == join.subscriptions => {
                replies.push(reply);
                None
            }
            _ => Some(reply),
        }
    }

    /// Lets a call that leaves share the request that is already waiting. Returns the caller if there is none.
    pub(in crate::client) fn share_leave(&mut self, room: &RoomId, reply: ReplySender) -> Option<ReplySender> {
        let mut leaving = self.entries.values_mut().filter(|entry| !entry.is_abandoned());
        match leaving.find(|entry| matches!(&entry.kind, RequestKind::Leave(left) if left == room)) {
            Some(entry) => {
                entry.replies.push(reply);
                None
            }
            None => Some(reply),
        }
    }

    /// How many rooms the client leaves because nobody holds them.
    pub(in crate::client) fn unwanted(&self) -> usize {
        let kinds = self.entries.values().map(|entry| &entry.kind);
        kinds
            .filter(|kind| matches!(kind, RequestKind::LeaveUnwanted(_)))
            .count()
    }

    /// Whether the application subscribes to an event of a room, or to all.
    pub(in crate::client) fn is_subscribing(&self, room: &RoomId, event: &EventName) -> bool {
        let mut sent = self.entries.values().filter(|entry| entry.sent);
        sent.any(|entry| match &entry.kind {
            RequestKind::Subscribe(of, subscribed) => of == room && subscribed == event,
            RequestKind::SubscribeAll(of) => of == room,
            _ => false,
        })
    }

    /// Whether the application joins a room.
    pub(in crate::client) fn is_joining(&self, room: &RoomId) -> bool {
        let mut waiting = self.entries.values().filter(|entry| !entry.is_abandoned());
        waiting.any(|entry| entry.kind.joined_room() == Some(room))
    }

    /// Whether the client is leaving a room.
    pub(in crate::client) fn is_leaving(&self, room: &RoomId) -> bool {
        let mut leaving = self.entries.values().filter(|entry| !entry.is_abandoned());
        leaving.any(|entry| matches!(&entry.kind, RequestKind::Leave(left) if left == room))
    }

    /// The room of a leave, if the application joins that room after it.
    pub(in crate::client) fn leave_before_a_join(&self, id: i64) -> Option<RoomId> {
        let RequestKind::Leave(room) = &self.entries.get(&id)?.kind else {
            return None;
        };
        let mut later = self.entries.range(id + 1..).filter(|(_, entry)| entry.sent);
        later
            .any(|(_, entry)| entry.kind.joined_room() == Some(room))
            .then(|| room.clone())
    }

    /// Takes back a request.
    pub(in crate::client) fn withdraw(&mut self, id: i64) -> Option<(RequestKind, Vec<ReplySender>)> {
        self.remove(id).map(|entry| (entry.kind, entry.replies))
    }

    /// Takes back the client's own requests of a kind.
    pub(in crate::client) fn withdraw_all(&mut self, kind: &RequestKind) {
        let entries = self.entries.iter().filter(|(_, entry)| entry.kind == *kind);
        for id in entries.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.remove(id);
        }
    }

    /// The joins that name their subscriptions and were not sent: their ids, rooms and subscriptions.
    pub(in crate::client) fn joins_to_merge(&self) -> Vec<(i64, RoomId, SubscriptionList)> {
        let unsent = self.entries.iter().filter(|(_, entry)| !entry.sent);
        let joins = unsent.filter_map(|(id, entry)| match &entry.kind {
            RequestKind::Join {
                room,
                wanted: Some(wanted),
                ..
            } => Some((*id, room.clone(), wanted.clone())),
            _ => None,
        });
        joins.collect()
    }

    /// Sets what a join asks for.
    pub(in crate::client) fn merge_join(
        &mut self,
        id: i64,
        subscriptions: SubscriptionList,
        except: BTreeSet<EventName>,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let RequestKind::Join { merged, .. } = &mut entry.kind else {
            return;
        };
        let wanted = Some((subscriptions, except));
        if *merged == wanted {
            return;
        }
        merged.clone_from(&wanted);
        if let (Command::Join(join), Some((subscriptions, except))) = (entry.request.command.clone(), wanted) {
            entry.change(Command::Join(JoinCommand {
                subscriptions: Some(subscriptions),
                except: except.into_iter().take(MAX_EXCEPTIONS).collect(),
                ..join
            }));
        }
    }

    /// Applies the changes of subscriptions that are requested before a join.
    pub(in crate::client) fn changes_before(
        &self,
        id: i64,
        room: &RoomId,
        subscriptions: &mut SubscriptionList,
        except: &mut BTreeSet<EventName>,
    ) {
        for (_, entry) in self.entries.range(..id) {
            match &entry.kind {
                RequestKind::Subscribe(of, event) if of == room => {
                    except.remove(event);
                    if !subscriptions.wildcard {
                        subscriptions.events.insert(event.clone());
                    }
                }
                RequestKind::SubscribeAll(of) if of == room => {
                    subscriptions.wildcard = true;
                    subscriptions.events.clear();
                    except.clear();
                }
                RequestKind::Unsubscribe(of, event) if of == room => {
                    subscriptions.events.remove(event);
                    if subscriptions.wildcard {
                        except.insert(event.clone());
                    }
                }
                _ => {}
            }
        }
    }
}
