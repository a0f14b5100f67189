//! Makes a frame of a kind from a seed. The order of its keys is random, because that of the wire
//! is not stable.

use super::channels::{account, execution, history, ladder, market_data, orders};
use super::unsolicited::other;
use crate::prng::Prng;

/// The only account ids in generated frames.
const ACCOUNTS: [&str; 2] = ["DU1234567", "U12345678"];
pub(super) const SYMBOLS: [&str; 5] = ["ZQXW", "ABLE", "BRAVO", "KITE", "OPAL"];

/// The random values of one frame.
pub(super) struct Seed(Prng);

impl Seed {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *self.0.pick(from)
    }

    pub(super) fn conid(&mut self) -> u64 {
        100_000 + self.below(900_000)
    }

    pub(super) fn price(&mut self) -> String {
        format!("{}.{:02}", 10 + self.below(900), self.below(100))
    }

    pub(super) fn size(&mut self) -> String {
        let size = 1 + self.below(9_999);
        if size < 1_000 { format!("{size}") } else { format!("{},{:03}", size / 1_000, size % 1_000) }
    }

    pub(super) fn millis(&mut self) -> u64 {
        1_800_000_000_000 + self.below(10_000_000_000)
    }

    pub(super) fn float(&mut self) -> String {
        match self.below(4) {
            0 => "0.0".into(),
            1 => format!("{}.{:04}E{}", 1 + self.below(9), self.below(10_000), 2 + self.below(7)),
            2 => format!("-{}.{}", self.below(100_000), self.below(100)),
            _ => format!("{}.{:06}", self.below(100_000), self.below(1_000_000)),
        }
    }

    pub(super) fn account(&mut self) -> &'static str {
        self.pick(&ACCOUNTS)
    }

    /// An object of these members, in random order.
    pub(super) fn object(&mut self, members: Vec<(&str, String)>) -> String {
        let mut members = members;
        self.0.shuffle(&mut members);
        let members: Vec<String> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A JSON string with this value.
pub(super) fn text(value: impl AsRef<str>) -> String {
    serde_json::Value::from(value.as_ref()).to_string()
}

pub(super) fn list(elements: &[String]) -> String {
    format!("[{}]", elements.join(","))
}

macro_rules! kinds {
    ($( $(#[$doc:meta])* $kind:ident => $variant:literal, )*) => {
        /// A kind of frame.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Kind { $( $(#[$doc])* $kind, )* }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The variant of `Body` that a frame of this kind decodes to, as
            /// [`variant`](super::variant) names it.
            #[must_use]
            pub fn variant(self) -> &'static str {
                match self { $( Self::$kind => $variant, )* }
            }
        }
    };
}

kinds! {
    /// `smd` with all fields.
    SmdFull => "MarketData",
    /// `smd` with the fields that changed.
    SmdDelta => "MarketData",
    /// `smd` without conid and without any value.
    SmdEmpty => "MarketData",
    /// `smd` of a combo, marks before its prices.
    SmdCombo => "MarketData",
    /// `smd` of a contract that cannot be quoted.
    SmdUnquotable => "MarketData",
    /// `smd` with volume, its raw value, and a field in no table.
    SmdVolume => "MarketData",
    /// `smd` with numbers as numbers and a change in percent as a string.
    SmdNumbers => "MarketData",
    /// `smh` with bars.
    Smh => "History",
    /// `smh` with a numeric server id and no bars.
    SmhBare => "History",
    /// `sbd` as in the older documentation.
    SbdNumbers => "Ladder",
    /// `sbd` as in the newer documentation.
    SbdStrings => "Ladder",
    /// `sor` with a full row.
    SorFull => "Orders",
    /// `sor` with an identity row.
    SorIdentity => "Orders",
    /// `sor` with several changes.
    SorDeltas => "Orders",
    /// `sor` with bad rows among good ones.
    SorMixed => "Orders",
    /// `sor` with an object instead of the array.
    SorObject => "Orders",
    /// `sor` without rows.
    SorBare => "Orders",
    /// `spl` of two accounts.
    Spl => "Pnl",
    /// `str`, the confirmation.
    StrEmpty => "Trades",
    /// `str` with commission.
    StrFull => "Trades",
    /// `str` without commission, conid a string.
    StrOld => "Trades",
    /// `ssd` with a topic.
    Ssd => "Summary",
    /// `ssd` without a topic, as documented.
    SsdBare => "Summary",
    /// `sld` with a full and a blank row.
    Sld => "Ledger",
    /// `system` with `success`.
    Greeting => "System",
    /// `system` with `hb`.
    Heartbeat => "System",
    /// `system` with neither.
    SystemOther => "System",
    /// `sts` with everything.
    StsFull => "Status",
    /// `sts` with a single key.
    StsPartial => "Status",
    /// `sts` with args of another kind, or none.
    StsOdd => "Status",
    /// `act` with everything.
    Act => "Accounts",
    /// `act` with a part.
    ActPartial => "Accounts",
    /// `ntf` with an array.
    NtfArray => "Notifications",
    /// `ntf` with an object.
    NtfObject => "Notifications",
    /// `blt` with an array.
    BltArray => "Bulletins",
    /// `blt` with an object.
    BltObject => "Bulletins",
    /// `error` with the bare topic of a channel.
    ErrorTopic => "Error",
    /// `error` without a topic.
    ErrorBare => "Error",
    /// A frame with the topic `error`.
    ErrorArgs => "Error",
    /// The reply to `tic`.
    Tic => "Tic",
    /// The confirmation that a summary or ledger ended.
    UnsubscribedResult => "Unsubscribed",
    /// The confirmation that a history ended.
    UnsubscribedMessage => "Unsubscribed",
    /// The request for the session.
    Waiting => "WaitingForSession",
    /// A `message` of another kind.
    Message => "Message",
    /// The bare text `ech+hb`.
    Echo => "Echo",
    /// `shs+exercise`, the acknowledgement.
    ExerciseOpen => "Exercise",
    /// `shs+exercise` with contents.
    ExerciseContent => "Exercise",
    /// `inp+exercise` with a prompt.
    ExercisePrompt => "Exercise",
    /// An unknown topic.
    UnknownTopic => "Unknown",
    /// A frame without a topic, or no object.
    UnknownShape => "Unknown",
}

/// Makes a frame of this kind; equal seeds give equal frames.
#[must_use]
pub fn frame(kind: Kind, seed: u64) -> String {
    let mut seed = Seed(Prng::new(seed ^ 0x1b_5e_ed));
    let s = &mut seed;
    match kind {
        Kind::SmdFull
        | Kind::SmdDelta
        | Kind::SmdEmpty
        | Kind::SmdCombo
        | Kind::SmdUnquotable
        | Kind::SmdVolume
        | Kind::SmdNumbers => market_data(kind, s),
        Kind::Smh | Kind::SmhBare => history(kind, s),
        Kind::SbdNumbers | Kind::SbdStrings => ladder(kind, s),
        Kind::SorFull | Kind::SorIdentity | Kind::SorDeltas | Kind::SorMixed | Kind::SorObject | Kind::SorBare => {
            orders(kind, s)
        }
        Kind::StrEmpty => s.object(vec![("topic", text("str")), ("args", "[]".into())]),
        Kind::StrFull | Kind::StrOld => {
            let row = execution(kind, s);
            s.object(vec![("topic", text("str")), ("args", list(&[row]))])
        }
        Kind::Spl | Kind::Ssd | Kind::SsdBare | Kind::Sld => account(kind, s),
        _ => other(kind, s),
    }
}
