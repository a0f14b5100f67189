//! The newest that is known of one subscription, folded from its events.

use super::Quote;
use crate::event::{Event, Message};
use crate::frame::copied;
use crate::key::{Key, SubscriptionKey};
use crate::message::Body;
use crate::state::SubscriptionState;
use crate::time::Instant;

/// The newest that is known of one subscription: its quote or its newest message, its state, and
/// whether messages are missing. It holds one quote or one message, however many events come.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LatestValue {
    /// The subscription.
    pub key: SubscriptionKey,
    /// The state of the subscription; [`Removed`](SubscriptionState::Removed) if there is none.
    pub state: SubscriptionState,
    /// Since when messages may be missing; `None` outside a gap.
    pub gap_since: Option<Instant>,
    /// Since when the stream has been silent for longer than its limit; `None` if it is not.
    pub stale_since: Option<Instant>,
    /// The quote that all messages of market data add up to; `None` on every other channel, and
    /// before the first message. Within a gap it is that of before the gap.
    pub quote: Option<Quote>,
    /// The newest message of every channel but market data; `None` before the first one.
    pub message: Option<Message>,
    /// When the newest message was received.
    pub at: Option<Instant>,
    /// The number of messages since this value began.
    pub messages: u64,
}

impl LatestValue {
    /// Returns the value of a subscription of which nothing is known.
    #[must_use]
    pub fn new(key: SubscriptionKey) -> Self {
        Self {
            key,
            state: SubscriptionState::Removed,
            gap_since: None,
            stale_since: None,
            quote: None,
            message: None,
            at: None,
            messages: 0,
        }
    }

    /// Returns `true` if a message has been received, the subscription is sent, and the value is
    /// neither stale nor in a gap.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let flows =
            matches!(self.state, SubscriptionState::Active | SubscriptionState::Quiet | SubscriptionState::Expiring);
        flows && self.at.is_some() && self.gap_since.is_none() && self.stale_since.is_none()
    }

    /// Returns `true` if an event is about this subscription and has a part that
    /// [`apply`](Self::apply) takes in.
    #[must_use]
    pub fn concerns(&self, event: &Event) -> bool {
        let key = match event {
            Event::Message(message) => message.subscription.as_ref(),
            Event::Subscription(change) => Some(&change.key),
            Event::Gap(gap) => Some(&gap.key),
            Event::Resumed(resumed) => Some(&resumed.key),
            Event::Stale(stale) => Some(&stale.key),
            Event::Fresh(fresh) => Some(&fresh.key),
            _ => None,
        };
        key == Some(&self.key)
    }

    /// Takes in an event. One that does not [concern](Self::concerns) this subscription changes
    /// nothing.
    pub fn apply(&mut self, event: &Event) {
        if !self.concerns(event) {
            return;
        }
        match event {
            Event::Message(message) => self.take_in(message),
            Event::Subscription(change) => {
                self.state = change.state;
                if change.state == SubscriptionState::Removed {
                    (self.gap_since, self.stale_since) = (None, None);
                }
            }
            Event::Gap(gap) => self.gap_since = Some(gap.since),
            Event::Resumed(_) => self.gap_since = None,
            Event::Stale(stale) => self.stale_since = Some(stale.since),
            Event::Fresh(_) => self.stale_since = None,
            _ => {}
        }
    }

    fn take_in(&mut self, message: &Message) {
        self.at = Some(message.at);
        self.messages = self.messages.saturating_add(1).saturating_add(message.merged);
        if self.key.key() == Key::MarketData {
            if let Body::MarketData(data) = message.frame.body() {
                self.quote.get_or_insert_default().apply(message.conn, message.at, &data);
            }
            return;
        }
        let mut message = message.clone();
        // The message stays, and must not keep the buffer that it was received in.
        message.frame.detach(copied);
        self.message = Some(message);
    }
}
