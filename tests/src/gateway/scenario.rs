//! Named courses of events: what goes wrong with a gateway by itself, and when.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::config::{FrameKind, GatewayConfig, Success};

/// A course of events. All times count from the opening of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scenario {
    /// All goes well.
    #[default]
    Default,
    /// Connections without a session cookie must send the session first.
    WaitingForSession,
    /// Not authenticated for the first 10 s.
    LateAuthentication,
    /// Authentication is lost after 15 s, for 10 s, again and again.
    LostAuthentication,
    /// `success` is never said.
    NoSuccess,
    /// The connection ends without a Close frame after 20 s.
    Drops,
    /// The connection is closed with code 1000 after 20 s.
    Closes,
    /// `sor` is refused until orders were asked for over REST, three times at most.
    RefusedOrders,
    /// `smd` is refused until accounts were asked for over REST.
    NoAccounts,
    /// After 15 s nothing comes any more, though the connection stays open.
    Silent,
    /// Every few seconds a text frame holds a byte that is no UTF-8.
    BadBytes,
    /// Another session competes from the 5th to the 15th second.
    Competing,
}

/// One event of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Authenticated(bool),
    LoseAuthentication,
    RegainAuthentication,
    Competing(bool),
    Drop,
    Close(u16),
    Mute,
    BadByte,
}

/// Every scenario with its name and what it does, in the order they are listed for people.
const NAMES: [(Scenario, &str, &str); 12] = [
    (Scenario::Default, "default", "all goes well"),
    (Scenario::WaitingForSession, "waiting-for-session", "connections without a cookie must send the session first"),
    (Scenario::LateAuthentication, "late-authentication", "not authenticated for the first 10 s"),
    (Scenario::LostAuthentication, "lost-authentication", "authentication lost after 15 s for 10 s, again and again"),
    (Scenario::NoSuccess, "no-success", "system success is never said"),
    (Scenario::Drops, "drops", "the connection ends without a Close frame every 20 s"),
    (Scenario::Closes, "closes", "the connection is closed with code 1000 every 20 s"),
    (Scenario::RefusedOrders, "refused-orders", "sor refused three times or until orders were asked for over REST"),
    (Scenario::NoAccounts, "no-accounts", "smd refused until accounts were asked for over REST"),
    (Scenario::Silent, "silent", "after 15 s nothing comes, though the connection stays open"),
    (Scenario::BadBytes, "bad-bytes", "text frames, one in a few seconds with a byte that is no UTF-8"),
    (Scenario::Competing, "competing", "another session competes from the 5th to the 15th second"),
];

impl Scenario {
    /// All scenarios, in the order they are listed for people.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(scenario, _, _)| *scenario)
    }

    /// Its name, as the `gateway` program takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// What it does, in one line.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        NAMES.iter().find(|(scenario, _, _)| *scenario == self).unwrap_or(&NAMES[0])
    }

    /// What has to be so from the start.
    pub(crate) fn prepare(self, config: &mut GatewayConfig) {
        match self {
            Self::WaitingForSession => config.waiting_for_session = true,
            Self::LateAuthentication => config.authenticated = false,
            Self::NoSuccess => config.success = Success::Never,
            // Only a text frame can be invalid UTF-8.
            Self::BadBytes => config.frames = FrameKind::Text,
            _ => {}
        }
    }

    /// What is set going when a connection opens: whether it concerns that connection alone, when, what.
    pub(crate) fn on_open(self, is_first: bool) -> Vec<(bool, Duration, Step)> {
        let after = Duration::from_secs;
        match self {
            Self::LateAuthentication if is_first => vec![(false, after(10), Step::Authenticated(true))],
            Self::LostAuthentication if is_first => vec![(false, after(15), Step::LoseAuthentication)],
            Self::Competing if is_first => {
                vec![(false, after(5), Step::Competing(true)), (false, after(15), Step::Competing(false))]
            }
            Self::Drops => vec![(true, after(20), Step::Drop)],
            Self::Closes => vec![(true, after(20), Step::Close(1_000))],
            Self::Silent => vec![(true, after(15), Step::Mute)],
            Self::BadBytes => vec![(true, after(3), Step::BadByte)],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no scenario has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no scenario is called '{name}'; take one of: {}", Scenario::all().map(Scenario::name).collect::<Vec<_>>().join(", "))]
pub struct UnknownScenario {
    /// The name that was asked for.
    pub name: String,
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, UnknownScenario> {
        NAMES
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(scenario, _, _)| *scenario)
            .ok_or_else(|| UnknownScenario { name: name.to_owned() })
    }
}
