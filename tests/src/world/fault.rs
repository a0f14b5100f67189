//! Faults that a test scripts, for the bare machine and for the client alike.

use core::fmt;
use core::time::Duration;

use ibws_proto::Instant;

use crate::gateway::{Gateway, GatewayOutput, Recovery};
use crate::prng::Prng;

/// Something that a gateway, or the line to it, does wrong.
///
/// [`World::inject`](super::World::inject) does it to the bare machine,
/// [`Simulated::inject`](crate::runtime::Simulated::inject) to the whole client, and a
/// [`Schedule`](super::Schedule) at given times. Faults of one connection concern the newest one
/// and do nothing without one.
///
/// ```
/// use ibws_testkit::world::{Fault, QUOTES, secs, settled};
///
/// let mut world = settled(&[QUOTES]);
/// world.inject(Fault::HalfOpen);
/// world.run(secs(60));
/// // Heartbeats stopped, so the client noticed, dialled again and reported one gap.
/// assert_eq!((world.dials().len(), world.gaps().len()), (2, 1));
/// ```
///
/// `Debug` writes the code that makes the fault again.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection ends without a Close.
    Cut,
    /// The gateway closes the connection with this code.
    Close(u16),
    /// Nothing passes in either direction any more, and neither side is notified.
    HalfOpen,
    /// Nothing passes in either direction for this long; then everything does, in its order.
    Stall(Duration),
    /// What the gateway sends arrives at this speed.
    Slow {
        /// The bytes that arrive in a second; 0 counts as 1.
        bytes_per_second: u64,
        /// How long the line is slow.
        lasting: Duration,
    },
    /// What the gateway sends arrives later.
    Delay {
        /// How much later.
        by: Duration,
        /// How long the line delays what is sent on it.
        lasting: Duration,
    },
    /// The next dials, this many, are refused.
    RefuseDials(u32),
    /// The next dials, this many, never end; the client ends them at its own limit.
    HangDials(u32),
    /// The gateway refuses this many subscribes of a three-letter topic such as `sor`.
    RefuseSubscribes {
        /// The topic.
        topic: String,
        /// The number of subscribes.
        times: u32,
    },
    /// The brokerage session is lost and announced as lost.
    LoseAuthentication,
    /// The brokerage session is back and announced.
    RestoreAuthentication,
    /// The gateway restarts: every connection ends.
    Restart,
    /// The gateway sends these bytes in one message, valid or not.
    Send(Vec<u8>),
}

impl Fault {
    /// Draws a fault; equal states of `chance` draw equal faults.
    pub fn draw(chance: &mut Prng) -> Self {
        match chance.below(12) {
            0..=2 => Self::Cut,
            3 => Self::Close(*chance.pick(&[1000, 1001, 1011, 1012, 4001])),
            4 => Self::HalfOpen,
            5 => Self::Stall(chance.millis(100, 15_000)),
            6 => Self::Slow { bytes_per_second: 200 + chance.below(4_000), lasting: chance.millis(1_000, 15_000) },
            7 => Self::Delay { by: chance.millis(10, 4_000), lasting: chance.millis(1_000, 15_000) },
            8 => Self::RefuseDials(1 + chance.below(3) as u32),
            9 => Self::RefuseSubscribes {
                topic: (*chance.pick(&["smd", "sor", "spl", "str"])).to_owned(),
                times: 1 + chance.below(2) as u32,
            },
            10 => Self::LoseAuthentication,
            _ => Self::RestoreAuthentication,
        }
    }

    /// Does what this fault does at the gateway, on connection `conn`. Returns `false` if it is a
    /// fault of the line, which the gateway does not see.
    pub(crate) fn at_gateway(&self, gateway: &mut Gateway, conn: Option<u64>) -> bool {
        match (self, conn) {
            (Self::Cut, Some(conn)) => gateway.drop_connection(conn),
            (Self::Close(code), Some(conn)) => gateway.close(conn, *code),
            (Self::Send(bytes), Some(conn)) => gateway.inject(conn, GatewayOutput::Text(bytes.clone())),
            (Self::Cut | Self::Close(_) | Self::Send(_), None) => {}
            (Self::RefuseSubscribes { topic, times }, _) => {
                gateway.refuse(topic, "unable to subscribe", Some(*times), Recovery::Never);
            }
            (Self::LoseAuthentication, _) => gateway.set_authenticated(false),
            (Self::RestoreAuthentication, _) => gateway.set_authenticated(true),
            (Self::Restart, _) => gateway.restart(),
            _ => return false,
        }
        true
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fault::")?;
        match self {
            Self::Cut => f.write_str("Cut"),
            Self::Close(code) => write!(f, "Close({code})"),
            Self::HalfOpen => f.write_str("HalfOpen"),
            Self::Stall(span) => write!(f, "Stall({})", Code(*span)),
            Self::Slow { bytes_per_second, lasting } => {
                write!(f, "Slow {{ bytes_per_second: {bytes_per_second}, lasting: {} }}", Code(*lasting))
            }
            Self::Delay { by, lasting } => write!(f, "Delay {{ by: {}, lasting: {} }}", Code(*by), Code(*lasting)),
            Self::RefuseDials(count) => write!(f, "RefuseDials({count})"),
            Self::HangDials(count) => write!(f, "HangDials({count})"),
            Self::RefuseSubscribes { topic, times } => {
                write!(f, "RefuseSubscribes {{ topic: {topic:?}.into(), times: {times} }}")
            }
            Self::LoseAuthentication => f.write_str("LoseAuthentication"),
            Self::RestoreAuthentication => f.write_str("RestoreAuthentication"),
            Self::Restart => f.write_str("Restart"),
            Self::Send(bytes) => write!(f, "Send(b\"{}\".to_vec())", bytes.escape_ascii()),
        }
    }
}

/// Writes the code of a span.
pub(super) struct Code(pub(super) Duration);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_nanos() % 1_000_000 {
            0 => write!(f, "Duration::from_millis({})", self.0.as_millis()),
            _ => write!(f, "Duration::from_nanos({})", self.0.as_nanos()),
        }
    }
}

/// The faults of a line that last for a while.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct LineState {
    stalled_until: Instant,
    /// Bytes a second, and until when.
    slow: Option<(u64, Instant)>,
    /// When everything that was sent on a slow line has arrived.
    free_at: Instant,
    delay: Option<(Duration, Instant)>,
}

impl LineState {
    /// Takes a fault that lasts. Returns `false` for any other.
    pub(crate) fn take(&mut self, fault: &Fault, now: Instant) -> bool {
        match fault {
            Fault::Stall(span) => self.stalled_until = self.stalled_until.max(now + *span),
            Fault::Slow { bytes_per_second, lasting } => self.slow = Some((*bytes_per_second, now + *lasting)),
            Fault::Delay { by, lasting } => self.delay = Some((*by, now + *lasting)),
            _ => return false,
        }
        true
    }

    /// When an item of the client that is written now arrives, at the earliest.
    pub(crate) fn out(&self, now: Instant) -> Instant {
        now.max(self.stalled_until)
    }

    /// When an item of the gateway of this many bytes that is sent now arrives, at the earliest.
    pub(crate) fn arrival(&mut self, now: Instant, bytes: usize) -> Instant {
        let mut at = now;
        if let Some((speed, _)) = self.slow.filter(|(_, until)| now < *until) {
            let takes = Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / speed.max(1));
            self.free_at = self.free_at.max(now) + takes;
        }
        at = at.max(self.free_at);
        if let Some((by, _)) = self.delay.filter(|(_, until)| now < *until) {
            at = at + by;
        }
        at.max(self.stalled_until)
    }
}
