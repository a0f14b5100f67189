//! Bounded queues of events, one for each consumer. The reader of the socket never waits for a
//! consumer, and every event that a consumer does not receive as it came is counted exactly.
//!
//! A queue is bounded in events and in bytes. Below its limits it holds every event as it came. At
//! its limits it makes room in the way that costs the consumer least:
//!
//! 1. Market data and ladders are merged: a message updates the one before it in its stream, field
//!    by field and row by row. The newest value wins, and
//!    [`Message::merged`](crate::Message::merged) counts. A fold of what remains ends where a fold
//!    of all messages would have ended. Nothing is merged across a gap or across connections.
//! 2. Notices that a later one supersedes are removed and counted: an earlier state of the same
//!    subject, or the end of a gap and the gap that came next. The gap before and the end after
//!    then describe one outage that spans both. A [`CaughtUp`](crate::CaughtUp) takes in the one
//!    before it: it lists the changes and executions of both.
//! 3. Messages of other keys, and reports about REST requests, are dropped and counted, the oldest
//!    first.
//! 4. Orders and executions are folded by the rules of [`fold`](crate::fold). An [`Item::Lost`]
//!    counts the messages, and the next item is one message with the rows that they add up to.
//! 5. If nothing else helps, because there are more streams than room or one message is larger than
//!    all of it, the oldest message or `CaughtUp` is dropped and counted, and at last the oldest
//!    notice.
//!
//! That is [`Overflow::Merge`], the default. A queue can also drop the oldest messages and merge
//! none, or hold the newest message of each stream only: see [`Overflow`].
//!
//! The queues of a client have a common limit in bytes beside their own: see [`Queues`].
//!
//! The counts of what was dropped are state of the queue, one count for each key, so a loss report
//! can never itself be dropped. They are delivered before anything else. For each key, once the
//! queue is empty: messages put in = messages taken out + their `merged` +
//! [`LossReport::messages`].

// `bounded` holds the queue, `batch` what a consumer takes at once, `room` makes room, `stats`
// counts what that costs, `index` finds where room can be made, `slot` decides what may become of
// one event, `overflow` what the user chose of that, `merge` and `rows` merge messages, `row_store`
// holds rows, `layout` recognises rows that replace others, `queues` routes events, `spare` keeps
// buffers for reuse.

mod attribution;
#[cfg(feature = "client")]
mod batch;
mod bounded;
mod cost;
mod index;
mod item;
mod layout;
mod merge;
mod overflow;
mod queues;
mod room;
mod row_store;
mod rows;
mod slot;
mod spare;
mod stats;
#[cfg(test)]
mod tests;

#[cfg(feature = "client")]
pub(crate) use attribution::subscription as subscription_of;
#[cfg(feature = "client")]
pub(crate) use batch::Batch;
pub use bounded::{Queue, QueueLimits};
#[cfg(feature = "client")]
pub(crate) use item::Peeked;
pub use item::{Item, LossReport};
pub use overflow::{Overflow, QueueOptions};
pub use queues::{DEFAULT_TOTAL_BYTES, EventFilter, QueueId, Queues};
pub use stats::QueueStats;
