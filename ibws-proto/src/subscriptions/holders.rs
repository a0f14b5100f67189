//! The requests that hold a subscription, and which of them wait for their reply.

use alloc::vec::Vec;

use crate::command::RequestId;

#[derive(Debug)]
pub(super) struct Holders(Vec<Holder>);

#[derive(Clone, Copy, Debug)]
struct Holder {
    id: RequestId,
    /// It has no reply yet.
    waits: bool,
}

impl Holders {
    /// Returns the holders of a new subscription: its request, which waits.
    pub(super) fn new(id: RequestId) -> Self {
        Self([Holder { id, waits: true }].into())
    }

    /// Adds a holder that has its reply.
    pub(super) fn add(&mut self, id: RequestId) {
        self.0.push(Holder { id, waits: false });
    }

    /// Has the holder that was added last wait.
    pub(super) fn wait(&mut self) {
        if let Some(holder) = self.0.last_mut() {
            holder.waits = true;
        }
    }

    /// Removes a holder. Returns whether it waited.
    pub(super) fn remove(&mut self, id: RequestId) -> bool {
        let at = self.0.iter().position(|holder| holder.id == id);
        at.is_some_and(|at| self.0.remove(at).waits)
    }

    /// Notes that a holder has its reply.
    pub(super) fn stop_waiting(&mut self, id: RequestId) {
        self.0.iter_mut().filter(|holder| holder.id == id).for_each(|holder| holder.waits = false);
    }

    /// Takes those that wait, who get their reply now, in the order in which they came.
    pub(super) fn take_waiting(&mut self) -> impl Iterator<Item = RequestId> {
        let waiting = self.0.iter_mut().filter(|holder| holder.waits);
        waiting.map(|holder| {
            holder.waits = false;
            holder.id
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = RequestId> {
        self.0.iter().map(|holder| holder.id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Entries in its lists: one for each holder, and one for each that waits.
    pub(super) fn entries(&self) -> usize {
        self.0.iter().map(|holder| 1 + usize::from(holder.waits)).sum()
    }
}
