//! The parts of every handle of a client: a count that keeps the client alive, and replies that can
//! be awaited.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use super::shared::Shared;
use crate::transport::Runtime;
use crate::{Command, CommandError, Reply, RequestId, SubscribeOutcome};

/// Keeps the client alive. Handles are counted; dropping the last one shuts the client down.
pub(super) struct Handle<R: Runtime> {
    pub(super) shared: Arc<Shared<R>>,
}

impl<R: Runtime> Handle<R> {
    pub(super) fn new(shared: Arc<Shared<R>>) -> Self {
        shared.with(|state| state.handles += 1);
        Self { shared }
    }
}

impl<R: Runtime> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<R: Runtime> Drop for Handle<R> {
    fn drop(&mut self) {
        let is_last = self.shared.with(|state| {
            state.handles -= 1;
            state.handles == 0
        });
        if is_last {
            self.shared.order(Command::Shutdown { drain: false });
        }
    }
}

/// The future of the reply to a request. Dropping it discards the reply.
pub(super) struct Request<R: Runtime> {
    handle: Handle<R>,
    id: RequestId,
    /// Whether dropping it before its reply cancels the request, because it has no time limit of
    /// its own.
    cancels: bool,
}

impl<R: Runtime> Request<R> {
    pub(super) fn new(handle: Handle<R>, id: RequestId) -> Self {
        Self { handle, id, cancels: false }
    }

    /// Has the request cancelled if it is dropped before its reply.
    pub(super) fn cancelled_by_drop(self) -> Self {
        let mut this = self;
        this.cancels = true;
        this
    }

    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    pub(super) fn handle(&self) -> &Handle<R> {
        &self.handle
    }

    pub(super) fn shared(&self) -> &Arc<Shared<R>> {
        &self.handle.shared
    }

    /// Waits for the reply to a `Subscribe` and returns its outcome.
    pub(super) async fn outcome(&mut self) -> Result<SubscribeOutcome, CommandError> {
        match self.await? {
            Reply::Subscribed(outcome) => Ok(outcome),
            _ => Ok(SubscribeOutcome::Pending),
        }
    }
}

impl<R: Runtime> Future for Request<R> {
    type Output = Result<Reply, CommandError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id;
        match self.handle.shared.with(|state| state.poll_reply(id, cx.waker())) {
            Some(result) => {
                self.cancels = false;
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

impl<R: Runtime> Drop for Request<R> {
    fn drop(&mut self) {
        let id = self.id;
        self.handle.shared.with(|state| state.forget_reply(id));
        if self.cancels {
            self.handle.shared.order(Command::Cancel(id));
        }
    }
}
