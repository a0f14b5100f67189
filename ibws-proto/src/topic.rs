//! The table of topics: which topic belongs to which key, channel and name, and the rules of each
//! channel (docs/protocol.md §3).
//!
//! This is the only list of topics. [`Key`] takes its names and channels from it, payloads their
//! form, and [`Frame::body`](crate::Frame::body) the view that it returns.

use core::time::Duration;

/// A channel that a client subscribes to, and what the gateway expects and does on it.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The two letters that follow `s` and `u` on the wire.
    pub(crate) name: &'static str,
    /// Subscribing names a contract or an account.
    pub(crate) takes_target: bool,
    /// Subscribing takes JSON, `{}` if there are no arguments.
    pub(crate) subscribe_json: bool,
    /// Unsubscribing takes JSON, `{}` if there are no arguments.
    pub(crate) unsubscribe_json: bool,
    /// The gateway confirms a subscription with a frame.
    pub(crate) confirmed: bool,
    /// Whether the gateway confirms an unsubscribe with a frame.
    pub(crate) unsubscribe_confirmed: bool,
    /// The channel needs an authenticated brokerage session (docs/protocol.md §8.1).
    pub(crate) needs_brokerage_session: bool,
    /// The silence after which a stream counts as stale, for a channel with a known period.
    pub(crate) stale_after: Option<Duration>,
}

/// What the first part of a topic names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Topic {
    /// The topic of a key.
    Key(Key),
    /// `tic`: the reply to a keep-alive.
    Tic,
    /// `shs` and `inp`: the exercise of an option.
    Exercise,
}

impl Topic {
    /// Reads a topic, `smd+265598` or `system`; `None` for one that is not in the table.
    #[inline]
    pub(crate) fn parse(topic: &[u8]) -> Option<Self> {
        match topic.split(|byte| *byte == b'+').next().unwrap_or_default() {
            b"tic" => Some(Self::Tic),
            b"shs" | b"inp" => Some(Self::Exercise),
            head => Key::from_topic_head(head).map(Self::Key),
        }
    }

    /// Returns the key; `None` for a topic without one.
    #[inline]
    pub(crate) fn key(self) -> Option<Key> {
        match self {
            Self::Key(key) => Some(key),
            Self::Tic | Self::Exercise => None,
        }
    }
}

/// The default of [`Channel::stale_after`] for channels with a period of at most 10 s
/// (docs/protocol.md §5).
const STALE_AFTER: Option<Duration> = Some(Duration::from_secs(30));

/// Declares [`Key`]. One row holds the key, its name, its topic and its channel.
macro_rules! keys {
    ($( $(#[$doc:meta])* $key:ident, $name:literal, $topic:literal, $channel:expr; )*) => {
        /// What a message is about: a channel that a client subscribes to, or an unsolicited topic.
        ///
        /// The keys are those of the reference's `IbkrWsKey`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Key {
            $( $(#[$doc])* $key, )*
        }

        impl Key {
            /// All keys: the eight channels, then the six unsolicited ones.
            pub const ALL: [Self; [$($name),*].len()] = [$( Self::$key ),*];

            /// Returns the name that [`Display`](core::fmt::Display),
            /// [`FromStr`](core::str::FromStr) and serde use: `MARKET_DATA`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$key => $name, )*
                }
            }

            /// The rules of the key's channel; `None` for an unsolicited key.
            pub(crate) const fn rules(self) -> Option<&'static Channel> {
                match self {
                    $( Self::$key => const { &$channel }.as_ref(), )*
                }
            }

            /// The topic without a target: `smd`, `system`.
            pub(crate) const fn topic(self) -> &'static str {
                match self {
                    $( Self::$key => match core::str::from_utf8($topic) {
                        Ok(topic) => topic,
                        Err(_) => "",
                    }, )*
                }
            }

            /// The key of the channel that `text` begins with; `None` for any other text.
            #[inline]
            pub(crate) fn of_channel(text: &[u8]) -> Option<Self> {
                match *text {
                    [one, two, ..] => Self::from_topic_head(&[b's', one, two]),
                    _ => None,
                }
            }

            /// The key whose topic is `head`.
            #[inline]
            fn from_topic_head(head: &[u8]) -> Option<Self> {
                match head {
                    $( $topic => Some(Self::$key), )*
                    _ => None,
                }
            }
        }
    };
}

keys! {
    /// `sd`: account summary.
    AccountSummary, "ACCOUNT_SUMMARY", b"ssd", Some(Channel {
        name: "sd",
        takes_target: true,
        subscribe_json: true,
        unsubscribe_json: true,
        confirmed: true,
        unsubscribe_confirmed: true,
        needs_brokerage_session: false,
        stale_after: None,
    });
    /// `ld`: account ledger.
    AccountLedger, "ACCOUNT_LEDGER", b"sld", Some(Channel {
        name: "ld",
        takes_target: true,
        subscribe_json: true,
        unsubscribe_json: true,
        confirmed: true,
        unsubscribe_confirmed: true,
        needs_brokerage_session: false,
        stale_after: STALE_AFTER,
    });
    /// `md`: market data.
    MarketData, "MARKET_DATA", b"smd", Some(Channel {
        name: "md",
        takes_target: true,
        subscribe_json: true,
        unsubscribe_json: true,
        confirmed: true,
        unsubscribe_confirmed: false,
        needs_brokerage_session: true,
        stale_after: None,
    });
    /// `mh`: market history.
    MarketHistory, "MARKET_HISTORY", b"smh", Some(Channel {
        name: "mh",
        takes_target: true,
        subscribe_json: true,
        unsubscribe_json: false,
        confirmed: true,
        unsubscribe_confirmed: true,
        needs_brokerage_session: true,
        stale_after: None,
    });
    /// `bd`: price ladder (BookTrader).
    PriceLadder, "PRICE_LADDER", b"sbd", Some(Channel {
        name: "bd",
        takes_target: true,
        subscribe_json: false,
        unsubscribe_json: false,
        confirmed: false,
        unsubscribe_confirmed: false,
        needs_brokerage_session: true,
        stale_after: None,
    });
    /// `or`: live orders.
    Orders, "ORDERS", b"sor", Some(Channel {
        name: "or",
        takes_target: false,
        subscribe_json: true,
        unsubscribe_json: true,
        confirmed: false,
        unsubscribe_confirmed: false,
        needs_brokerage_session: true,
        stale_after: None,
    });
    /// `pl`: profit and loss.
    Pnl, "PNL", b"spl", Some(Channel {
        name: "pl",
        takes_target: false,
        subscribe_json: true,
        unsubscribe_json: true,
        confirmed: true,
        unsubscribe_confirmed: false,
        needs_brokerage_session: false,
        stale_after: STALE_AFTER,
    });
    /// `tr`: trades, that is, executions.
    Trades, "TRADES", b"str", Some(Channel {
        name: "tr",
        takes_target: false,
        subscribe_json: true,
        unsubscribe_json: false,
        confirmed: true,
        unsubscribe_confirmed: false,
        needs_brokerage_session: true,
        stale_after: None,
    });
    /// `act`, unsolicited: the accounts of the session.
    AccountUpdates, "ACCOUNT_UPDATES", b"act", None;
    /// `sts`, unsolicited: the state of authentication.
    AuthenticationStatus, "AUTHENTICATION_STATUS", b"sts", None;
    /// `blt`, unsolicited: bulletins.
    Bulletins, "BULLETINS", b"blt", None;
    /// Frames that carry an `error`, whatever their topic.
    Error, "ERROR", b"error", None;
    /// `system`, unsolicited: the greeting and the heartbeats.
    System, "SYSTEM", b"system", None;
    /// `ntf`, unsolicited: notifications and order prompts.
    Notifications, "NOTIFICATIONS", b"ntf", None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_read_as_the_key_of_its_row() {
        for key in Key::ALL {
            assert_eq!(Topic::parse(key.topic().as_bytes()), Some(Topic::Key(key)));
            if let Some(channel) = key.rules() {
                let topic = alloc::format!("s{}+1", channel.name);
                assert_eq!(Topic::parse(topic.as_bytes()), Some(Topic::Key(key)));
            }
        }
        assert_eq!(Topic::parse(b"system"), Some(Topic::Key(Key::System)));
        assert_eq!(Topic::parse(b"tic"), Some(Topic::Tic));
        assert_eq!(Topic::parse(b"shs+exercise"), Some(Topic::Exercise));
        assert_eq!(Topic::parse(b"inp+exercise"), Some(Topic::Exercise));
        for unknown in ["", "+", "smdx+1", "actABC", "md+1", "umd+1"] {
            assert_eq!(Topic::parse(unknown.as_bytes()), None, "{unknown}");
        }
    }

    #[test]
    fn the_channels_follow_the_protocol_page() {
        let of = |holds: fn(&Channel) -> bool| {
            let named = Key::ALL.into_iter().filter_map(Key::rules).filter(|channel| holds(channel));
            named.map(|channel| channel.name).collect::<alloc::vec::Vec<_>>()
        };
        assert_eq!(of(|_| true), ["sd", "ld", "md", "mh", "bd", "or", "pl", "tr"]);
        assert_eq!(of(|channel| !channel.takes_target), ["or", "pl", "tr"]);
        assert_eq!(of(|channel| !channel.subscribe_json), ["bd"]);
        assert_eq!(of(|channel| !channel.unsubscribe_json), ["mh", "bd", "tr"]);
        assert_eq!(of(|channel| !channel.confirmed), ["bd", "or"]);
        assert_eq!(of(|channel| channel.unsubscribe_confirmed), ["sd", "ld", "mh"]);
        assert_eq!(of(|channel| channel.stale_after.is_some()), ["ld", "pl"]);
    }
}
