//! The agenda: one list of future events for the whole gateway, in order of time and then of entry.

use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::Instant;

use super::scenario::Step;

/// An event that happens by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// One part of the opening burst of a connection.
    Opening(u64, Part),
    /// The heartbeat of all connections.
    Heartbeat,
    /// The next frame of one subscription. It is dropped if the client has subscribed to the same
    /// key again meanwhile, which gives the subscription a new generation.
    Stream { conn: u64, key: String, generation: u64 },
    /// A delayed reply.
    Reply { conn: u64, text: String },
    /// The next stage of the present order.
    Orders,
    /// The next execution.
    Trade,
    /// The next notification or bulletin.
    News,
    /// The brokerage session that `ssodh/init` opens.
    Authenticate,
    /// The end of a daily reset.
    EndReset,
    /// The next frame of a recording.
    Playback(u64),
    /// A step of the scenario, for one connection or, with `None`, for the whole gateway.
    Step(Option<u64>, Step),
}

/// A part of the opening burst.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Success,
    Accounts,
    Status,
}

impl Due {
    /// The connection that the event concerns; `None` if it concerns all of them.
    pub(crate) const fn connection(&self) -> Option<u64> {
        match self {
            Self::Opening(conn, _) | Self::Stream { conn, .. } | Self::Reply { conn, .. } | Self::Playback(conn) => {
                Some(*conn)
            }
            Self::Step(conn, _) => *conn,
            Self::Heartbeat | Self::Orders | Self::Trade | Self::News | Self::Authenticate | Self::EndReset => None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Agenda {
    entries: BTreeMap<(Instant, u64), Due>,
    serial: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Instant, due: Due) {
        self.serial += 1;
        self.entries.insert((at, self.serial), due);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out the first entry that is due at `now`, with the time at which it was due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Instant, Due)> {
        let entry = self.entries.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }

    /// When `due` happens, if it is planned.
    pub(crate) fn when(&self, due: &Due) -> Option<Instant> {
        self.entries.iter().find(|(_, entry)| *entry == due).map(|((at, _), _)| *at)
    }

    /// Takes out every entry that `matches`, in order.
    pub(crate) fn take(&mut self, matches: impl Fn(&Due) -> bool) -> Vec<Due> {
        self.entries.extract_if(.., |_, due| matches(due)).map(|(_, due)| due).collect()
    }

    /// Drops every entry that `matches`.
    pub(crate) fn remove(&mut self, matches: impl Fn(&Due) -> bool) {
        self.entries.retain(|_, due| !matches(due));
    }
}

/// The next time of a periodic event that was due at `due`. After a jump of more than 60 s it
/// continues from the present: catching up on all missed events would take unbounded time.
pub(crate) fn after(due: Instant, period: Duration, now: Instant) -> Instant {
    let next = due + period;
    if now.since(next) > Duration::from_secs(60) { now } else { next }
}
