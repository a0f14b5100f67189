//! One row of the subscription table.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::command::RequestId;
use crate::config::Config;
use crate::key::Key;
use crate::payload::{Processor, Subscribe};
use crate::status::{StateCause, SubscriptionState};
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Entry {
    /// What is wanted.
    pub(super) subscribe: Subscribe,
    pub(super) status: SubscriptionState,
    /// `Subscribe` requests that hold it; the last one released unsubscribes.
    pub(super) holders: Vec<RequestId>,
    /// Those of them that are not answered yet.
    pub(super) waiting: Vec<RequestId>,
    /// The `Unsubscribe` requests that wait for a confirmation.
    pub(super) leaving: Vec<RequestId>,
    /// Must the gateway confirm the withdrawal? Otherwise it is over once it was written.
    pub(super) confirm_leave: bool,
    /// When this round of sending began: an unconfirmed stream is not known to have flowed since.
    pub(super) round: Option<Instant>,
    /// When the stream began, or was resumed: no gap reaches further back.
    pub(super) begun: Instant,
    /// How often it was sent in this round.
    pub(super) attempt: u32,
    /// Refusals in a row; the delays grow with them.
    pub(super) refusals: u32,
    /// The gateway's last words of refusal.
    pub(super) reason: Option<Box<str>>,
    /// The one timer; what it means follows from `paced`, and else from the status.
    pub(super) timer: Option<Instant>,
    /// The timer is its turn in a burst; for what, is said here.
    pub(super) paced: Option<StateCause>,
    /// When it comes of age.
    pub(super) renew_at: Option<Instant>,
    /// Its last message, or when it began to wait for one. Kept for streams with a limit of silence only.
    pub(super) heard: Instant,
    /// Its silence was told.
    pub(super) stale: bool,
    /// Somebody here said that it flows; no frame has.
    pub(super) assumed: bool,
    /// Changes of orders may be missing since then, and no host has made up for it.
    pub(super) unreconciled: Option<Instant>,
    /// Was it sent on the present connection?
    pub(super) held: bool,
    /// Was it ever sent?
    pub(super) ever_sent: bool,
    /// The host was asked to prime it and has not answered.
    pub(super) priming: bool,
    /// Data flows or is promised: if that ends, it is a gap.
    pub(super) streaming: bool,
    /// Since when messages may be missing.
    pub(super) gap: Option<Instant>,
    /// The history's id on this connection, by which it is unsubscribed (docs/protocol.md §3.2).
    pub(super) server_id: Option<Box<str>>,
}

impl Entry {
    pub(super) fn new(subscribe: Subscribe, id: RequestId) -> Self {
        Self {
            subscribe,
            status: SubscriptionState::Pending,
            holders: [id].into(),
            waiting: Vec::new(),
            leaving: Vec::new(),
            confirm_leave: false,
            round: None,
            begun: Instant::ORIGIN,
            attempt: 0,
            refusals: 0,
            reason: None,
            timer: None,
            paced: None,
            renew_at: None,
            heard: Instant::ORIGIN,
            stale: false,
            assumed: false,
            unreconciled: None,
            held: false,
            ever_sent: false,
            priming: false,
            streaming: false,
            gap: None,
            server_id: None,
        }
    }

    /// Does it need data before it counts as active?
    pub(super) fn confirms(&self) -> bool {
        self.subscribe.needs_confirmation.unwrap_or_else(|| self.subscribe.key.key().is_confirmed())
    }

    pub(super) fn subscribe_text(&self, config: &Config) -> String {
        self.processor(config).subscribe_payload(self.subscribe.key.as_str(), self.subscribe.args.as_ref())
    }

    /// The text that unsubscribes; `None` as long as it needs a server id that is not known.
    pub(super) fn unsubscribe_text(&self, config: &Config) -> Option<String> {
        let key = &self.subscribe.key;
        let channel = match key.key() {
            Key::MarketHistory => alloc::format!("mh+{}", self.server_id.as_deref()?),
            // By account: it ends all ladders of it (docs/protocol.md §3.3).
            Key::PriceLadder => alloc::format!("bd+{}", key.account().unwrap_or_default()),
            _ => key.as_str().into(),
        };
        Some(self.processor(config).unsubscribe_payload(&channel, None))
    }

    fn processor<'a>(&'a self, config: &'a Config) -> &'a Processor {
        self.subscribe.processor.as_ref().unwrap_or(&config.processor)
    }

    /// How long it may be silent.
    pub(super) fn silence_limit(&self) -> Option<Duration> {
        self.subscribe.staleness.limit(self.subscribe.key.key())
    }

    /// When something is to be done about a stream that flows: renew it, or tell its silence.
    pub(super) fn upkeep(&self) -> Option<Instant> {
        let silent = self.silence_limit().filter(|_| !self.stale).map(|limit| self.heard + limit);
        self.renew_at.into_iter().chain(silent).min()
    }

    /// Forgets what the connection held.
    pub(super) fn unheld(&mut self) {
        self.held = false;
        self.assumed = false;
        self.priming = false;
        self.server_id = None;
        self.attempt = 0;
        self.refusals = 0;
    }
}
