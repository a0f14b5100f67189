//! The replies to requests: which are awaited, and which have come and were not taken.

use std::collections::BTreeMap;
use std::task::Waker;

use super::shared::Deferred;
use crate::{CommandError, Reply, RequestId};

#[derive(Default)]
pub(super) struct Replies {
    by_request: BTreeMap<RequestId, ReplyState>,
}

enum ReplyState {
    /// The reply has not come; with the waker of the future that waits for it.
    Awaited(Option<Waker>),
    /// The reply has come.
    Ready(Result<Reply, CommandError>),
}

impl Replies {
    /// Records that the reply to a request is awaited.
    pub(super) fn expect(&mut self, id: RequestId) {
        self.by_request.insert(id, ReplyState::Awaited(None));
    }

    /// Records the error of a request that no task handles any more.
    pub(super) fn fail(&mut self, id: RequestId, error: CommandError) {
        self.by_request.insert(id, ReplyState::Ready(Err(error)));
    }

    /// Records the reply to a request. A reply that is not awaited is discarded.
    pub(super) fn resolve(&mut self, id: RequestId, result: Result<Reply, CommandError>, deferred: &mut Deferred) {
        let Some(reply) = self.by_request.get_mut(&id) else { return };
        if let ReplyState::Awaited(Some(waker)) = core::mem::replace(reply, ReplyState::Ready(result)) {
            deferred.wakers.push(waker);
        }
    }

    /// Takes the reply to a request if it has come; otherwise remembers the waker.
    pub(super) fn poll(
        &mut self,
        id: RequestId,
        waker: &Waker,
        deferred: &mut Deferred,
    ) -> Option<Result<Reply, CommandError>> {
        match self.by_request.get_mut(&id)? {
            ReplyState::Awaited(known) => {
                if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    deferred.dropped_wakers.extend(known.replace(waker.clone()));
                }
                None
            }
            ReplyState::Ready(_) => match self.by_request.remove(&id)? {
                ReplyState::Ready(result) => Some(result),
                ReplyState::Awaited(_) => None,
            },
        }
    }

    /// Discards the reply to a request whose future was dropped.
    pub(super) fn forget(&mut self, id: RequestId, deferred: &mut Deferred) {
        if let Some(ReplyState::Awaited(waker)) = self.by_request.remove(&id) {
            deferred.dropped_wakers.extend(waker);
        }
    }

    /// Resolves every awaited reply with [`CommandError::ShutDown`].
    pub(super) fn shut_down(&mut self, deferred: &mut Deferred) {
        for reply in self.by_request.values_mut() {
            if let ReplyState::Awaited(waker) = reply {
                deferred.wakers.extend(waker.take());
                *reply = ReplyState::Ready(Err(CommandError::ShutDown));
            }
        }
    }
}
