//! What every handle of a client is made of: a count that keeps it alive, and answers that can be awaited.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use super::shared::Shared;
use crate::transport::Runtime;
use crate::{Command, CommandError, Reply, RequestId, SubscribeOutcome};

/// Keeps the client alive: counted, so that the last one dropped ends it.
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
        let last = self.shared.with(|state| {
            state.handles -= 1;
            state.handles == 0
        });
        if last {
            self.shared.order(Command::Shutdown { drain: false });
        }
    }
}

/// The answer to a request, to be awaited.
pub(super) struct Request<R: Runtime> {
    handle: Handle<R>,
    id: RequestId,
}

impl<R: Runtime> Request<R> {
    pub(super) fn new(handle: Handle<R>, id: RequestId) -> Self {
        Self { handle, id }
    }

    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    /// The standing that the answer to a `Subscribe` tells.
    pub(super) async fn outcome(&mut self) -> Result<SubscribeOutcome, CommandError> {
        match self.await? {
            Reply::Subscribed(standing) => Ok(standing),
            _ => Ok(SubscribeOutcome::Pending),
        }
    }
}

impl<R: Runtime> Future for Request<R> {
    type Output = Result<Reply, CommandError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id;
        match self.handle.shared.with(|state| state.answer(id, cx.waker())) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

impl<R: Runtime> Drop for Request<R> {
    fn drop(&mut self) {
        let id = self.id;
        self.handle.shared.with(|state| state.forget(id));
    }
}
