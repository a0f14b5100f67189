//! One subscription: what the application requests, what this connection holds of it, and what its
//! stream lost.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use super::holders::Holders;
use super::pace::Slot;
use super::settings::Settings;
use super::state::State;
use super::transitions;
use super::{Scope, SubscriptionInfo};
use crate::command::{Reply, RequestId, SubscribeOutcome};
use crate::config::Config;
use crate::event::Event;
use crate::key::{Key, SubscriptionKey};
use crate::mask::Discreet;
use crate::payload::{Args, Subscribe, Unsubscribe};
use crate::state::{StateCause, SubscriptionEvent, SubscriptionState};
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) key: SubscriptionKey,
    /// The JSON arguments with which it is sent.
    pub(super) args: Option<Args>,
    pub(super) settings: Settings,
    /// `Subscribe` requests that hold it; releasing the last one unsubscribes.
    pub(super) holders: Holders,
    pub(super) state: State,
    /// When the paced sending is due. While it is set, no other timer of this subscription runs.
    pub(super) slot: Option<Slot>,
    /// The first attempt to prime it over REST is pending; its end sends the subscription. No timer
    /// runs meanwhile.
    pub(super) priming: bool,
    /// It was sent unprimed, because priming failed; when that succeeds, it is sent again.
    pub(super) unprimed: bool,
    /// What the present connection holds; `None` if the subscription was not sent on it.
    pub(super) on_wire: Option<OnWire>,
    /// It was sent on some connection before.
    pub(super) sent_before: bool,
    pub(super) attempts: Attempts,
    pub(super) flow: Flow,
    /// The request that unsubscribes it. It is set when the unsubscribe begins, which ends in the
    /// removal.
    pub(super) unsubscribe: Option<Box<Unsubscribe>>,
    /// Order changes may be missing since then, and no REST snapshot has made up for them.
    pub(super) unreconciled: Option<Instant>,
    /// What the indexes hold of it.
    pub(super) indexed: Indexed,
}

/// What the present connection holds of a subscription.
#[derive(Debug, Default)]
pub(super) struct OnWire {
    /// The history's id, by which it is unsubscribed (docs/protocol.md §3.2).
    pub(super) server_id: Option<Discreet<Box<str>>>,
}

/// The attempts to get it confirmed.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// How often its present text was sent.
    pub(super) count: u32,
    /// When its present text was last sent.
    pub(super) sent_at: Option<Instant>,
    /// When these attempts began: an unconfirmed stream is not known to have flowed since.
    pub(super) began_at: Option<Instant>,
    /// Refusals in a row; the delays grow with them.
    pub(super) refusals: u32,
    /// The gateway's last reason for a refusal.
    pub(super) reason: Option<Box<str>>,
}

/// The stream of its messages.
#[derive(Debug)]
pub(super) struct Flow {
    /// Data flows or is expected: if that ends, a gap begins.
    pub(super) flowing: bool,
    /// When the stream began or was resumed: no gap reaches further back.
    pub(super) flowing_since: Instant,
    /// The gap that is open.
    pub(super) gap: Option<Box<OpenGap>>,
    /// A frame of the connection after this moment ends the gap of a stream that nothing confirms.
    pub(super) resumes_at: Option<Instant>,
    /// Its last message, or when it began to wait for one. Kept for streams with a staleness limit
    /// only.
    pub(super) last_message_at: Instant,
    /// Its silence was reported.
    pub(super) stale: bool,
}

/// A gap that has begun and not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenGap {
    /// Messages may be missing since then.
    pub(super) since: Instant,
    /// How many dials the machine had made when the gap began.
    pub(super) dials: u64,
    /// The subscription stays on the wire and was not sent again since then, so no snapshot or
    /// replay follows.
    pub(super) stays_on_wire: bool,
}

/// The entries of a subscription in the indexes of the table.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    pub(super) timer: Option<Instant>,
    pub(super) resuming: Option<Instant>,
    pub(super) unconfirmed: bool,
}

impl Attempts {
    /// Forgets the attempts; the next sending is the first.
    pub(super) fn reset(&mut self) {
        (self.count, self.refusals) = (0, 0);
    }
}

impl Subscription {
    pub(super) fn new(mut subscribe: Subscribe, holder: RequestId) -> Self {
        Self {
            settings: Settings::of(&mut subscribe),
            key: subscribe.key,
            args: subscribe.args,
            holders: Holders::new(holder),
            state: State::Pending,
            slot: None,
            priming: false,
            unprimed: false,
            on_wire: None,
            sent_before: false,
            attempts: Attempts::default(),
            flow: Flow {
                flowing: false,
                flowing_since: Instant::ORIGIN,
                gap: None,
                resumes_at: None,
                last_message_at: Instant::ORIGIN,
                stale: false,
            },
            unsubscribe: None,
            unreconciled: None,
            indexed: Indexed::default(),
        }
    }

    pub(super) fn channel(&self) -> Key {
        self.key.key()
    }

    /// Returns `true` if a frame must confirm it before it counts as active.
    pub(super) fn needs_confirmation(&self) -> bool {
        self.settings.needs_confirmation().unwrap_or_else(|| self.channel().is_confirmed())
    }

    pub(super) fn server_id(&self) -> Option<&str> {
        self.on_wire.as_ref().and_then(|wire| wire.server_id.as_ref()).map(|id| &***id)
    }

    pub(super) fn gap_since(&self) -> Option<Instant> {
        self.flow.gap.as_ref().map(|gap| gap.since)
    }

    pub(super) fn is_assumed(&self) -> bool {
        matches!(self.state, State::Active { assumed: true, .. })
    }

    /// Returns `true` if a frame that belongs to it changes nothing, and is not even noted.
    pub(super) fn is_passed_by(&self) -> bool {
        self.is_settled() && !self.notes_messages()
    }

    /// Returns `true` if a frame that belongs to it changes nothing but the time of its last
    /// message.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Active { assumed: false, .. })
            && !self.flow.stale
            && self.flow.gap.is_none()
            && (self.channel() != Key::MarketHistory || self.server_id().is_some())
    }

    /// Returns `true` if the time of its last message is noted.
    pub(super) fn notes_messages(&self) -> bool {
        self.staleness_limit().is_some() || self.channel() == Key::AccountSummary
    }

    /// Makes the transition to `next` for `cause`, emits it, and replies to the requests that wait
    /// for it.
    ///
    /// This is the one place where a state changes. A transition that the table does not list is
    /// not made: it is counted, and fails debug builds.
    pub(super) fn enter(&mut self, next: State, cause: StateCause, scope: &mut Scope<'_, '_>) {
        let (from, to) = (self.state.kind(), next.kind());
        // Sending again and refusing again are transitions; other states may be entered again with
        // new data.
        let repeated = from == to && !matches!(to, SubscriptionState::Subscribing | SubscriptionState::Refused);
        if !repeated && !transitions::allows(from, cause, to) {
            *scope.cx.illegal_transitions += 1;
            debug_assert!(false, "no transition from {from:?} to {to:?} for {cause:?}");
            return;
        }
        self.state = next;
        self.slot = None;
        if to != SubscriptionState::Quiet {
            self.flow.resumes_at = None;
        }
        if !repeated {
            self.emit_state(to, cause, scope);
        }
        let outcome = match to {
            SubscriptionState::Active => SubscribeOutcome::Active,
            SubscriptionState::Quiet => SubscribeOutcome::Quiet,
            _ => return,
        };
        // A channel that the gateway confirms flows only once a frame shows it.
        self.flow.flowing |= outcome == SubscribeOutcome::Active || !self.channel().is_confirmed();
        for request in self.holders.take_waiting() {
            scope.reply(request, Ok(Reply::Subscribed(outcome)));
        }
    }

    /// Emits that `state` begins.
    pub(super) fn emit_state(&self, state: SubscriptionState, cause: StateCause, scope: &mut Scope<'_, '_>) {
        let has_reason = matches!(state, SubscriptionState::Refused | SubscriptionState::Failed);
        scope.event(Event::Subscription(SubscriptionEvent {
            at: scope.cx.now,
            key: self.key.clone(),
            state,
            cause,
            attempt: self.attempts.count,
            reason: self.attempts.reason.clone().filter(|_| has_reason),
        }));
    }

    /// When its one timer is due: the slot of a paced sending, else what its state waits for.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if let Some(slot) = self.slot {
            return Some(slot.at);
        }
        if self.priming && !self.state.is_unsubscribing() {
            return None;
        }
        match self.state {
            State::Pending | State::Degraded => None,
            State::Subscribing { deadline } => Some(deadline),
            State::Unsubscribing(ref unsubscribing) => Some(unsubscribing.deadline),
            State::Expiring { deadline } => deadline,
            State::Refused { retry_at } | State::Failed { retry_at } => Some(retry_at),
            State::Active { renew_at, .. } | State::Quiet { renew_at } => {
                renew_at.into_iter().chain(self.staleness_deadline()).min()
            }
        }
    }

    /// How long an attempt waits for its confirmation.
    pub(super) fn confirmation_timeout(&self, config: &Config) -> Duration {
        match self.channel() {
            Key::MarketHistory => config.history_timeout,
            Key::AccountLedger => config.ledger_timeout,
            _ => config.subscription_timeout,
        }
    }

    /// How long the stream may be silent.
    pub(super) fn staleness_limit(&self) -> Option<Duration> {
        self.settings.staleness().limit(self.channel())
    }

    /// When silence becomes staleness; `None` without a limit, or once it was reported.
    fn staleness_deadline(&self) -> Option<Instant> {
        self.staleness_limit().filter(|_| !self.flow.stale).map(|limit| self.flow.last_message_at + limit)
    }

    pub(super) fn subscribe_text(&self, config: &Config) -> String {
        self.settings.processor(config).subscribe_payload(self.key.as_str(), self.args.as_ref())
    }

    /// The text that unsubscribes; `None` as long as it needs a server id that is not known.
    pub(super) fn unsubscribe_text(&self, config: &Config) -> Option<String> {
        let key = &self.key;
        let channel = match key.key() {
            Key::MarketHistory => alloc::format!("mh+{}", self.server_id()?),
            // By account: it ends all ladders of the account (docs/protocol.md §3.3).
            Key::PriceLadder => alloc::format!("bd+{}", key.account().unwrap_or_default()),
            _ => key.as_str().into(),
        };
        let (args, own) = match &self.unsubscribe {
            Some(unsubscribe) => (unsubscribe.args.as_ref(), unsubscribe.processor.as_ref()),
            None => (None, None),
        };
        Some(own.unwrap_or_else(|| self.settings.processor(config)).unsubscribe_payload(&channel, args))
    }

    pub(super) fn info(&self) -> SubscriptionInfo {
        SubscriptionInfo {
            key: self.key.clone(),
            state: self.state.kind(),
            attempt: self.attempts.count,
            holders: self.holders.len(),
            gap_since: self.gap_since(),
            server_id: self.server_id().map(Into::into),
            stale_since: self.flow.stale.then_some(self.flow.last_message_at),
            assumed: self.is_assumed(),
        }
    }

    /// Entries in all its lists.
    pub(super) fn entries(&self) -> usize {
        let unsubscribes = if let State::Unsubscribing(under_way) = &self.state { under_way.waiters.len() } else { 0 };
        self.holders.entries() + unsubscribes
    }
}
