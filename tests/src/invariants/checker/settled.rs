//! The rules that hold at the end of a step: no frame is lost, no request is forgotten, and the
//! subscriptions are as the connection allows.

use ibws_proto::{
    ConnectionState, Machine, ReadyGate, SubscriptionKey, SubscriptionState, rest::RestRequest,
    status::SubscriptionInfo,
};

use super::{Checker, Evidence, Stage, Verdict};

impl Checker {
    pub(in crate::invariants) fn settled(&mut self, machine: &Machine, outputs: usize) -> Verdict {
        self.holds_pieces_only()?;
        let emitted = core::mem::take(&mut self.emitted);
        self.is_lost_in_part = false;
        let status = machine.status();
        if status.state != self.connection_state {
            return Err(format!("the connection is {:?}, but {:?} was emitted", status.state, self.connection_state));
        }
        if self.live.as_ref().is_some_and(|live| live.over) {
            self.live = None;
        }
        if status.conn != self.live.as_ref().map(|live| live.conn) {
            return Err(format!("{:?} is its connection, {:?} is live", status.conn, self.live));
        }
        if status.requests != self.pending.len() {
            return Err(format!("{} requests wait, but the machine counts {}", self.pending.len(), status.requests));
        }
        let most = 64
            + 3 * emitted
            + 12 * (self.subscriptions.len() + self.pending.len())
            + 2 * status.subscriptions * status.subscriptions;
        if outputs > most {
            return Err(format!("{outputs} outputs for one input"));
        }
        self.patience.check()?;
        if !self.subscriptions.is_shutting_down() {
            self.catch_up.is_in_time(&self.config)?;
        }
        self.step = None;
        // A request without an immediate reply was written; it is bound to the connection from now
        // on.
        if let Some((_, requested, bound)) = self.current.take().and_then(|id| self.pending.get_mut(&id)) {
            let under_way =
                |key: &SubscriptionKey| matches!(machine.subscription(key), Some(SubscriptionState::Subscribing));
            *bound |= self.is_tic || requested.as_ref().is_some_and(under_way);
        }
        if core::mem::take(&mut self.restarts) {
            // A subscription whose turn comes later begins its round of attempts then.
            self.tries.clear();
        }
        if status.rest_requests != self.rest_requests.len() {
            return Err(format!(
                "the machine counts {} requests to the REST handler, open are {:?}",
                status.rest_requests, self.rest_requests
            ));
        }
        self.was_shutting_down = self.subscriptions.is_shutting_down();
        let infos = machine.subscriptions();
        self.subscriptions.check_list(&infos)?;
        self.subscriptions.check_deadlines(self.now)?;
        self.fits_the_connection(&infos)?;
        self.serves_its_needs(machine, &infos)?;
        match machine.poll_timeout() {
            Some(at) if at <= self.now => Err(format!("drained, but due at {at:?}: a driver would spin")),
            None if status.state != ConnectionState::Stopped => Err(format!("no timer in {:?}", status.state)),
            None if !self.pending.is_empty() => Err(format!("no timer with {:?} pending", self.pending)),
            _ => Ok(()),
        }
    }

    /// While a subscription needs a session that is not authenticated, the session is requested.
    fn serves_its_needs(&self, machine: &Machine, infos: &[SubscriptionInfo]) -> Verdict {
        let status = machine.status();
        let gated = infos.iter().any(|info| info.key.key().needs_brokerage_session());
        let usable = matches!(status.state, ConnectionState::Open | ConnectionState::Degraded);
        let greeted = status.greeted && !self.was_shutting_down && !self.subscriptions.is_shutting_down();
        if usable && greeted && status.authenticated == Some(false) && gated {
            let requested = |request: &RestRequest| matches!(request, RestRequest::Session(_));
            if !machine.rest_needs().iter().any(requested) {
                return Err("the session is not authenticated, and nobody is asked for one".into());
            }
        }
        Ok(())
    }

    /// The subscriptions are in states that the connection allows, and the connection is not known
    /// to be dead.
    fn fits_the_connection(&self, infos: &[SubscriptionInfo]) -> Verdict {
        for info in infos {
            let sent = self.live.as_ref().and_then(|live| live.sent.get(&info.key)).copied();
            if info.state == SubscriptionState::Active && sent != Some(true) && !info.assumed {
                return Err(format!("{} is active without evidence of this connection", info.key));
            }
            if info.server_id.is_some() && sent.is_none() {
                return Err(format!("{} has a server id of another connection", info.key));
            }
            let ungated = !info.key.key().needs_brokerage_session();
            let off = self.config.ready_gate == ReadyGate::Off;
            let fits = match self.connection_state {
                ConnectionState::Open if ungated || off => true,
                ConnectionState::Degraded if ungated => true,
                ConnectionState::Stopped
                | ConnectionState::Connecting
                | ConnectionState::Open
                | ConnectionState::Backoff => info.state == SubscriptionState::Pending,
                ConnectionState::Degraded => {
                    matches!(
                        info.state,
                        SubscriptionState::Pending | SubscriptionState::Degraded | SubscriptionState::Unsubscribing
                    )
                }
                _ => true,
            };
            if !fits {
                return Err(format!("{} is {:?} in {:?}", info.key, info.state, self.connection_state));
            }
        }
        let dead = |live: &Evidence| {
            live.stage == Stage::Open
                && live.has_frame
                && live.heartbeat
                && self.now.since(live.received) > self.config.silence_limit
        };
        match &self.live {
            Some(live) if dead(live) => {
                Err(format!("{} has been silent since {:?}, and is not closed", live.conn, live.received))
            }
            _ => Ok(()),
        }
    }
}
