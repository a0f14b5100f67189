//! What must hold when a step is over: nothing lost, nobody forgotten, the table as the connection allows.

use ibws_proto::{ConnectionState, Machine, SubscriptionKey, SubscriptionState};

use super::{Checker, Evidence, Stage, Verdict};

impl Checker {
    pub(in crate::invariants) fn settled(&mut self, machine: &Machine, outputs: usize) -> Verdict {
        if let Some((conn, raw)) = self.frame.take()
            && self.live.as_ref().is_some_and(|live| live.conn == conn && !live.over)
        {
            return Err(format!("the frame {raw:?} on {conn} was lost"));
        }
        let status = machine.status();
        if status.state != self.connection_state {
            return Err(format!("the connection_state is {:?}, told was {:?}", status.state, self.connection_state));
        }
        if self.live.as_ref().is_some_and(|live| live.over) {
            self.live = None;
        }
        if status.conn != self.live.as_ref().map(|live| live.conn) {
            return Err(format!("{:?} is its connection, {:?} is live", status.conn, self.live));
        }
        if status.requests != self.pending.len() {
            return Err(format!("{} requests wait, it knows {}", self.pending.len(), status.requests));
        }
        let most = 64 + 12 * (self.table.len() + self.pending.len()) + 2 * status.subscriptions * status.subscriptions;
        if outputs > most {
            return Err(format!("{outputs} outputs for one input"));
        }
        self.patience.check()?;
        self.step = None;
        // One that is not answered at once was written, and is bound to the connection from now on.
        if let Some((_, wanted, bound)) = self.current.take().and_then(|id| self.pending.get_mut(&id)) {
            let under_way =
                |key: &SubscriptionKey| matches!(machine.subscription(key), Some(SubscriptionState::Subscribing));
            *bound |= self.is_tic || wanted.as_ref().is_some_and(under_way);
        }
        if core::mem::take(&mut self.greets) {
            // Whose turn comes later begins its round then.
            self.tries.clear();
        }
        if status.rest_requests != self.rest_requests.len() {
            return Err(format!(
                "{} questions to the host wait, told were {:?}",
                status.rest_requests, self.rest_requests
            ));
        }
        self.was_shutting = self.table.is_shutting();
        self.table.settled(machine)?;
        self.model.settled(self.now, self.was_shutting)?;
        self.fits_the_connection(machine)?;
        match machine.poll_timeout() {
            Some(at) if at <= self.now => Err(format!("drained, yet due at {at:?}: it would spin")),
            None if status.state != ConnectionState::Stopped => Err(format!("asleep for ever in {:?}", status.state)),
            None if !self.pending.is_empty() => Err(format!("asleep for ever with {:?} pending", self.pending)),
            _ => Ok(()),
        }
    }

    /// The subscriptions are as the connection allows, and the connection is not one that is known to be dead.
    fn fits_the_connection(&self, machine: &Machine) -> Verdict {
        for info in machine.subscriptions() {
            let sent = self.live.as_ref().and_then(|live| live.sent.get(&info.key)).copied();
            if info.state == SubscriptionState::Active && sent != Some(true) && !info.assumed {
                return Err(format!("{} is active without evidence of this connection", info.key));
            }
            if info.server_id.is_some() && sent.is_none() {
                return Err(format!("{} has a server id of another connection", info.key));
            }
            let fits = match self.connection_state {
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
            live.stage == Stage::Open && live.heartbeat && self.now.since(live.received) > self.config.silence_limit
        };
        match &self.live {
            Some(live) if dead(live) => Err(format!("{} is dead since {:?}, and kept", live.conn, live.received)),
            _ => Ok(()),
        }
    }
}
