//! Named scenarios: faults of a gateway that happen by themselves at given times.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::config::{FrameKind, GatewayConfig, Success};
use super::rest::RestFault;

/// A course of faults. All times count from the opening of a connection.
///
/// A scenario belongs to the settings of a gateway, in virtual time as well as behind a socket:
///
/// ```
/// use ibws_proto::{Config, ConnectionState};
/// use ibws_testkit::world::{QUOTES, World, secs};
/// use ibws_testkit::{GatewayConfig, Scenario};
///
/// let scenario: Scenario = "drops".parse()?;
/// let mut world = World::new(Config::default(), GatewayConfig::seeded(1).with_scenario(scenario));
/// world.settle(&[QUOTES]);
/// world.run(secs(60)); // the connection ends every 20 s
/// assert_eq!(world.connection_state(), ConnectionState::Ready);
/// assert!(world.gaps().len() >= 2);
/// assert_eq!(Scenario::all().count(), 25);
/// # Ok::<(), ibws_testkit::UnknownScenario>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scenario {
    /// No fault.
    #[default]
    Default,
    /// Connections without a session cookie must send the session first.
    WaitingForSession,
    /// Not authenticated for the first 10 s.
    LateAuthentication,
    /// Authentication is lost after 15 s for 10 s, repeatedly.
    LostAuthentication,
    /// The gateway never sends `success`.
    NoSuccess,
    /// The connection ends without a Close frame after 20 s.
    Drops,
    /// The connection is closed with code 1000 after 20 s.
    Closes,
    /// `sor` is refused until orders are requested over REST, three times at most.
    RefusedOrders,
    /// `smd` is refused until accounts are requested over REST.
    NoAccounts,
    /// After 15 s the gateway sends nothing more, and the connection stays open.
    Silent,
    /// Every few seconds a text frame contains a byte that is not UTF-8.
    BadBytes,
    /// Another session competes from the 5th to the 15th second.
    Competing,
    /// The gateway accepts connections and replies to pings, and sends nothing else, as a gateway
    /// without a login does.
    NothingBehind,
    /// The backend is away from the 15th to the 45th second: connections end with code 1000, and
    /// those opened meanwhile stay dead.
    BackendAway,
    /// Authentication is lost after 15 s and is back 10 s later, which is not announced.
    SilentAuthentication,
    /// There is no brokerage session, and none can be opened: only `spl`, `ssd` and `sld` flow.
    NoBrokerageSession,
    /// Messages of 200 bytes and more come in pieces.
    Pieces,
    /// The backend closes with code 1011 after 20 s, which arrives as 1000.
    FlatCloses,
    /// A Close of the client gets no reply: TCP ends.
    NoCloseReply,
    /// Every frame is binary, and the gateway behaves as measured in all that concerns frames and
    /// closes.
    Measured,
    /// An unsubscribe is confirmed by a frame with its own topic.
    UnsubscribeEchoes,
    /// After 15 s every REST call fails with 429 for 15 min.
    PenaltyBox,
    /// From the 15th second on every REST call fails with 503 for two minutes.
    Maintenance,
    /// Every REST call fails with 404 `Access Denied`.
    AccessDenied,
    /// After 15 s the daily reset ends the brokerage session, and `ssodh/init` fails for 4 min.
    DailyReset,
}

/// One event of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Authenticated(bool),
    LoseAuthentication,
    RegainAuthentication,
    Competing(bool),
    RestoreSilently,
    LoseBackend,
    RestoreBackend,
    PenaltyBox,
    RestFault(Option<RestFault>),
    DailyReset,
    Drop,
    Close(u16),
    Mute,
    BadByte,
}

/// Every scenario with its name and description, in the order of the list in the help text.
const NAMES: [(Scenario, &str, &str); 25] = [
    (Scenario::Default, "default", "no fault"),
    (Scenario::WaitingForSession, "waiting-for-session", "connections without a cookie must send the session first"),
    (Scenario::LateAuthentication, "late-authentication", "not authenticated for the first 10 s"),
    (Scenario::LostAuthentication, "lost-authentication", "authentication is lost after 15 s for 10 s, repeatedly"),
    (Scenario::NoSuccess, "no-success", "the gateway never sends system success"),
    (Scenario::Drops, "drops", "the connection ends without a Close frame every 20 s"),
    (Scenario::Closes, "closes", "the connection is closed with code 1000 every 20 s"),
    (Scenario::RefusedOrders, "refused-orders", "sor is refused three times or until orders are requested over REST"),
    (Scenario::NoAccounts, "no-accounts", "smd is refused until accounts are requested over REST"),
    (Scenario::Silent, "silent", "after 15 s the gateway sends nothing, and the connection stays open"),
    (Scenario::BadBytes, "bad-bytes", "text frames; one every few seconds contains a byte that is not UTF-8"),
    (Scenario::Competing, "competing", "another session competes from the 5th to the 15th second"),
    (Scenario::NothingBehind, "nothing-behind", "connections open and pings are replied to, but nothing is ever sent"),
    (
        Scenario::BackendAway,
        "backend-away",
        "the backend is away from the 15th to the 45th second; sockets opened then stay dead",
    ),
    (
        Scenario::SilentAuthentication,
        "silent-authentication",
        "authentication is lost after 15 s, and restored 10 s later without an sts",
    ),
    (Scenario::NoBrokerageSession, "no-brokerage-session", "no brokerage session: only spl, ssd and sld flow"),
    (Scenario::Pieces, "pieces", "messages of 200 bytes and more come in two to four pieces"),
    (
        Scenario::FlatCloses,
        "flat-closes",
        "the backend closes with 1011 after 20 s, which arrives as 1000 without a reason",
    ),
    (Scenario::NoCloseReply, "no-close-reply", "a Close of the client gets no reply: TCP ends"),
    (Scenario::Measured, "measured", "as the real gateway: binary only, every Close 1000, no reply to a Close"),
    (Scenario::UnsubscribeEchoes, "unsubscribe-echoes", "an unsubscribe is confirmed by a frame with its own topic"),
    (Scenario::PenaltyBox, "penalty-box", "after 15 s every REST call fails with 429 for 15 min"),
    (Scenario::Maintenance, "maintenance", "after 15 s every REST call fails with 503 for two minutes"),
    (Scenario::AccessDenied, "access-denied", "every REST call fails with 404 Access Denied"),
    (Scenario::DailyReset, "daily-reset", "after 15 s the session is reset, and ssodh/init fails for four minutes"),
];

impl Scenario {
    /// All scenarios, in the order of the list in the help text.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(scenario, _, _)| *scenario)
    }

    /// The name, as the `gateway` program takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// The description, in one line.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        NAMES.iter().find(|(scenario, _, _)| *scenario == self).unwrap_or(&NAMES[0])
    }

    /// Applies what the scenario needs from the start.
    pub(crate) fn prepare(self, config: &mut GatewayConfig) {
        match self {
            Self::WaitingForSession => config.waiting_for_session = true,
            Self::LateAuthentication => config.authenticated = false,
            Self::NoSuccess => config.success = Success::Never,
            Self::NoBrokerageSession => config.authenticated = false,
            Self::FlatCloses => config.flat_closes = true,
            Self::NoCloseReply => config.replies_to_close = false,
            Self::Measured => *config = core::mem::take(config).as_measured(),
            Self::UnsubscribeEchoes => config.echoes_unsubscribes = true,
            // Only a text frame can be invalid UTF-8.
            Self::BadBytes => config.frames = FrameKind::Text,
            _ => {}
        }
    }

    /// The steps that the opening of a connection starts: whether each concerns that connection
    /// alone, when, and what.
    pub(crate) fn on_open(self, is_first: bool) -> Vec<(bool, Duration, Step)> {
        let after = Duration::from_secs;
        match self {
            Self::LateAuthentication if is_first => vec![(false, after(10), Step::Authenticated(true))],
            Self::LostAuthentication if is_first => vec![(false, after(15), Step::LoseAuthentication)],
            Self::Competing if is_first => {
                vec![(false, after(5), Step::Competing(true)), (false, after(15), Step::Competing(false))]
            }
            Self::BackendAway if is_first => {
                vec![(false, after(15), Step::LoseBackend), (false, after(45), Step::RestoreBackend)]
            }
            Self::SilentAuthentication if is_first => {
                vec![(false, after(15), Step::Authenticated(false)), (false, after(25), Step::RestoreSilently)]
            }
            Self::PenaltyBox if is_first => vec![(false, after(15), Step::PenaltyBox)],
            Self::Maintenance if is_first => vec![
                (false, after(15), Step::RestFault(Some(RestFault::Unavailable))),
                (false, after(135), Step::RestFault(None)),
            ],
            Self::DailyReset if is_first => vec![(false, after(15), Step::DailyReset)],
            Self::FlatCloses => vec![(true, after(20), Step::Close(1_011))],
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

/// The error for a name that no scenario has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no scenario is called '{name}'; take one of: {}", Scenario::all().map(Scenario::name).collect::<Vec<_>>().join(", "))]
pub struct UnknownScenario {
    /// The unknown name.
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
