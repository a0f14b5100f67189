//! The upkeep of the session: which call about the session is next, and what its result means. The
//! table of states is in the documentation of the module above.

use alloc::boxed::Box;
use alloc::format;
use core::time::Duration;

use super::call::Call;
use super::config::KeeperConfig;
use super::event::{KeeperEvent, KeeperState};
use super::reply::{CallFailure, CallFailureKind, SessionFlags, Tickle};
use crate::connect::IPS_ADVICE;
use crate::random::{Random, doubled};
use crate::time::Instant;
use crate::transport::Secret;

/// The pause before the first look at a session that is opening; it doubles.
const OPENING_MIN: Duration = Duration::from_secs(1);
/// The longest such pause.
const OPENING_MAX: Duration = Duration::from_secs(8);
/// The least time between two `ssodh/init`, even if the session opens and ends again at once.
const INIT_SPACING: Duration = Duration::from_secs(10);
/// A tickle that is not due is made early at most this often.
pub(super) const EARLY_TICKLE: Duration = Duration::from_secs(5);

/// A call about the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Keeps the session, and shows its state.
    Tickle,
    /// Looks at the state of the session.
    Check,
    /// Opens the brokerage session.
    Init,
}

/// The result of a call about the session.
pub(super) enum StepResult {
    Tickle(Tickle),
    Flags(SessionFlags),
    Failed(CallFailure),
}

/// The session, and what is due for it.
#[derive(Debug)]
pub(super) struct Upkeep {
    config: KeeperConfig,
    random: Random,
    view: KeeperEvent,
    session: Option<Secret>,
    /// When the last tickle started, and whether it succeeded.
    last_tickle: Option<(Instant, bool)>,
    tickle_at: Instant,
    tickle_failures: u32,
    /// The next step that opens the brokerage session; `None` while it is open or not known.
    opening_step: Option<(Step, Instant)>,
    /// When `ssodh/init` succeeded, and the number of looks since; `None` if nothing is opening.
    opening: Option<(Instant, u32)>,
    opening_failures: u32,
    /// The number of times that `ssodh/init` succeeded and no session opened.
    not_opened: u32,
    /// Another login held the session when its state was last seen.
    is_competing: bool,
    /// The number of pauses since another login holds the session.
    competing_pauses: u32,
    /// The earliest time of the next `ssodh/init`.
    init_not_before: Instant,
    /// When the last `ssodh/init` started.
    last_init: Option<Instant>,
}

impl Upkeep {
    pub(super) fn new(config: KeeperConfig, now: Instant) -> Self {
        let view = KeeperEvent {
            state: KeeperState::Starting,
            since: now,
            at: now,
            outage_since: Some(now),
            why: "no call has ended yet".into(),
            next_try: Some(now),
            advice: None,
        };
        Self {
            random: Random::new(config.seed),
            config,
            view,
            session: None,
            last_tickle: None,
            tickle_at: now,
            tickle_failures: 0,
            opening_step: None,
            opening: None,
            opening_failures: 0,
            not_opened: 0,
            is_competing: false,
            competing_pauses: 0,
            init_not_before: now,
            last_init: None,
        }
    }

    pub(super) fn view(&self) -> &KeeperEvent {
        &self.view
    }

    pub(super) fn state(&self) -> KeeperState {
        self.view.state
    }

    pub(super) fn session(&self) -> Option<&Secret> {
        self.session.as_ref()
    }

    /// Returns the session id if a tickle that started less than 5 s ago showed it.
    pub(super) fn fresh_session(&self, now: Instant) -> Option<&Secret> {
        let is_fresh = self.last_tickle.is_some_and(|(at, done)| done && now.since(at) < EARLY_TICKLE);
        self.session.as_ref().filter(|_| is_fresh)
    }

    /// Returns `true` if a tickle that started less than 5 s ago failed.
    pub(super) fn has_just_failed(&self, now: Instant) -> bool {
        self.last_tickle.is_some_and(|(at, done)| !done && now.since(at) < EARLY_TICKLE)
    }

    /// Returns `true` if a step that opens the session is due or on its way.
    pub(super) fn is_opening(&self, now: Instant) -> bool {
        self.opening.is_some() || self.opening_step.is_some_and(|(_, at)| at <= now)
    }

    /// Returns the next step and when it is due. Of two that are due at once, the tickle is first,
    /// because it may make the other unnecessary.
    pub(super) fn next_step(&self) -> (Step, Instant) {
        let tickle = (Step::Tickle, self.tickle_at);
        self.opening_step.filter(|(_, at)| *at < self.tickle_at).unwrap_or(tickle)
    }

    pub(super) fn call(&self, step: Step) -> Call {
        match step {
            Step::Tickle => Call::Tickle,
            Step::Check => Call::AuthStatus,
            Step::Init => Call::Init { compete: self.config.compete },
        }
    }

    /// Makes the next tickle due now, because somebody waits for its result.
    pub(super) fn tickle_now(&mut self, now: Instant) {
        self.tickle_at = self.tickle_at.min(now);
        self.refresh_next_try();
    }

    /// Makes the next tickle early, because the session may differ from what is known: now, or 5 s
    /// after the last one.
    pub(super) fn tickle_early(&mut self, now: Instant) {
        let earliest = self.last_tickle.map_or(now, |(at, _)| now.max(at + EARLY_TICKLE));
        self.tickle_at = self.tickle_at.min(earliest);
        self.refresh_next_try();
    }

    /// Takes the result of a step that began at `started`. Returns `true` if the state or its
    /// reason changed.
    pub(super) fn on_result(&mut self, now: Instant, step: Step, started: Instant, result: StepResult) -> bool {
        if step == Step::Tickle {
            self.last_tickle = Some((started, !matches!(result, StepResult::Failed(_))));
        }
        if step == Step::Init {
            self.last_init = Some(started);
        }
        match result {
            StepResult::Failed(failure) => self.on_failure(now, step, started, failure),
            StepResult::Flags(flags) => self.on_flags(now, step, flags),
            StepResult::Tickle(Tickle { session, flags }) => {
                self.session = Some(session);
                self.tickle_failures = 0;
                // Between 85 and 95 % of the interval: the gateway sees two tickles no further
                // apart than the interval, even if the second one travels longer.
                let interval = self.random.around(self.config.tickle_interval.saturating_mul(9) / 10, 5);
                self.tickle_at = now.max(started + interval);
                match flags {
                    Some(flags) => self.on_flags(now, step, flags),
                    // The reply does not show the session, so another call must.
                    None => {
                        self.opening_step = self.opening_step.or(Some((Step::Check, now)));
                        false
                    }
                }
            }
        }
    }

    fn on_flags(&mut self, now: Instant, step: Step, flags: SessionFlags) -> bool {
        if flags.authenticated {
            (self.opening_step, self.opening) = (None, None);
            (self.opening_failures, self.competing_pauses, self.not_opened) = (0, 0, 0);
            self.is_competing = false;
            self.init_not_before = self.init_spaced(now);
            return self.enter(now, KeeperState::Authenticated, Box::default());
        }
        if flags.competing {
            return self.on_competing(now, step);
        }
        if core::mem::take(&mut self.is_competing) {
            // The other login is gone, and with it the reason for the pause.
            (self.competing_pauses, self.opening_step) = (0, None);
            self.init_not_before = self.init_spaced(now);
        }
        if step == Step::Init {
            self.opening = Some((now, 0));
            self.opening_failures = 0;
        }
        if let Some((began, looks)) = self.opening {
            if step != Step::Tickle {
                if now.since(began) >= self.config.open_timeout {
                    return self.on_not_opened(now);
                }
                self.opening = Some((began, looks.saturating_add(1)));
                self.opening_step = Some((Step::Check, now + doubled(OPENING_MIN, looks, OPENING_MAX)));
            }
            let why = "/iserver/auth/ssodh/init succeeded, and the brokerage session is opening";
            return self.enter(now, KeeperState::Opening, why.into());
        }
        // A pause after a failed `ssodh/init` goes on, and so does the state that it has caused.
        if self.opening_step.is_some_and(|(step, _)| step == Step::Init) {
            return self.refresh_next_try();
        }
        self.opening_step = Some((Step::Init, self.init_not_before.max(now)));
        self.enter(now, KeeperState::Opening, "the gateway reports that the brokerage session is not open".into())
    }

    /// A login elsewhere holds the session. It is not ended unless the settings say so; the keeper
    /// looks again after growing pauses.
    fn on_competing(&mut self, now: Instant, step: Step) -> bool {
        (self.opening, self.is_competing) = (None, true);
        if step == Step::Init || !matches!(self.opening_step, Some((Step::Init, _))) {
            let is_first = self.competing_pauses == 0 && step != Step::Init;
            let at = if self.config.compete && is_first { self.init_not_before.max(now) } else { self.compete_at(now) };
            self.opening_step = Some((Step::Init, at));
        }
        self.enter(now, KeeperState::Competing, "a login elsewhere holds the brokerage session of this user".into())
    }

    /// Returns `now`, or the end of the least time after the last `ssodh/init`.
    fn init_spaced(&self, now: Instant) -> Instant {
        self.last_init.map_or(now, |at| now.max(at + INIT_SPACING))
    }

    /// Returns when `ssodh/init` is made again while another login holds the session.
    fn compete_at(&mut self, now: Instant) -> Instant {
        let pause = doubled(self.config.competing_min, self.competing_pauses, self.config.competing_max);
        self.competing_pauses = self.competing_pauses.saturating_add(1);
        self.init_not_before = now + self.random.around(pause, 10).min(self.config.competing_max);
        self.init_not_before
    }

    /// `ssodh/init` succeeded, but no session has opened, which is also how a competing login shows
    /// (docs/protocol.md §8.2).
    fn on_not_opened(&mut self, now: Instant) -> bool {
        let why = format!(
            "the brokerage session did not open within {:?} after /iserver/auth/ssodh/init: a login elsewhere may \
             hold it",
            self.config.open_timeout
        );
        self.opening = None;
        self.init_not_before = self.retry_at(now, now, self.not_opened);
        self.not_opened = self.not_opened.saturating_add(1);
        self.opening_step = Some((Step::Init, self.init_not_before));
        self.enter(now, KeeperState::NotReady, why.into())
    }

    fn on_failure(&mut self, now: Instant, step: Step, started: Instant, failure: CallFailure) -> bool {
        if step == Step::Tickle {
            self.tickle_at = self.retry_at(now, started, self.tickle_failures);
            self.tickle_failures = self.tickle_failures.saturating_add(1);
            (self.opening_step, self.opening) = (None, None);
        } else {
            let at = self.retry_at(now, started, self.opening_failures);
            self.opening_failures = self.opening_failures.saturating_add(1);
            let has_time = self.opening.is_none_or(|(began, _)| now.since(began) < self.config.open_timeout);
            let next = if step == Step::Check && has_time { Step::Check } else { Step::Init };
            if next == Step::Init {
                (self.opening, self.init_not_before) = (None, at);
            }
            self.opening_step = Some((next, at));
        }
        if failure.is_penalty() {
            // The keeper learns from the pacer how long it lasts, and enters the state then.
            return false;
        }
        let CallFailure { kind, why } = failure;
        let state = match kind {
            CallFailureKind::LoggedOut => KeeperState::LoggedOut,
            CallFailureKind::AccessDenied => KeeperState::AccessDenied,
            CallFailureKind::NoBridge => KeeperState::NotReady,
            CallFailureKind::Refused if step != Step::Tickle => KeeperState::NotReady,
            CallFailureKind::Refused | CallFailureKind::Unavailable | CallFailureKind::PenaltyBox(_) => {
                KeeperState::Unavailable
            }
        };
        self.enter(now, state, why)
    }

    /// Returns when a failed step is retried. The pause counts from the start of the call, so a
    /// call that hangs adds nothing to it.
    fn retry_at(&mut self, now: Instant, started: Instant, failures: u32) -> Instant {
        let KeeperConfig { retry_min, retry_max, .. } = self.config;
        let pause = self.random.around(doubled(retry_min, failures, retry_max), 20).min(retry_max);
        (started + pause).max(now + retry_min)
    }

    /// Enters or leaves the penalty box. Returns `true` if the state or its reason changed.
    pub(super) fn on_box(&mut self, now: Instant, until: Option<Instant>) -> bool {
        match until {
            Some(until) => {
                (self.opening_step, self.opening) = (None, None);
                self.tickle_at = until;
                let why = "HTTP 429: IBKR refuses every call of this address for 15 min or longer";
                self.enter(now, KeeperState::PenaltyBox, why.into())
            }
            None if self.state() == KeeperState::PenaltyBox => {
                self.enter(now, KeeperState::Starting, "the penalty box is over".into())
            }
            None => false,
        }
    }

    /// Notes the state. Returns `true` if it or its reason changed.
    fn enter(&mut self, now: Instant, state: KeeperState, why: Box<str>) -> bool {
        let is_new = self.view.state != state || self.view.why != why;
        if self.view.state != state {
            self.view.since = now;
        }
        self.view.outage_since = match state {
            KeeperState::Authenticated => None,
            _ => self.view.outage_since.or(Some(now)),
        };
        if is_new {
            self.view.at = now;
        }
        self.view.advice = self.advice(state);
        (self.view.state, self.view.why) = (state, why);
        self.refresh_next_try();
        is_new
    }

    /// Notes when the next step is due. Returns `false`, since that alone is no event.
    fn refresh_next_try(&mut self) -> bool {
        let is_open = self.view.state == KeeperState::Authenticated;
        self.view.next_try = (!is_open).then(|| self.next_step().1);
        false
    }

    /// Returns what a person could do.
    fn advice(&self, state: KeeperState) -> Option<Box<str>> {
        let url = &self.config.base_url;
        Some(match state {
            KeeperState::Starting | KeeperState::Authenticated | KeeperState::Opening => return None,
            KeeperState::Competing if self.config.compete => "end the other login of this user".into(),
            KeeperState::Competing => {
                "end the other login of this user, or set KeeperConfig::compete, which ends it from here".into()
            }
            KeeperState::NotReady => format!("wait, or log in at {url} if it lasts").into(),
            KeeperState::LoggedOut => format!("log in at {url}").into(),
            KeeperState::AccessDenied => IPS_ADVICE.into(),
            KeeperState::Unavailable => format!("start or restart the gateway at {url}").into(),
            KeeperState::PenaltyBox => {
                "wait, and stop other programs at this address that call the REST interface too often".into()
            }
        })
    }
}
