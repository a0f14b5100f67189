//! Keeps the connection alive and notices when it is not: `tic`, pings, silence and its probe.

use alloc::string::String;

use super::Machine;
use crate::command::ConnectionLoss;
use crate::event::{Action, Output};
use crate::liveness::Verdict;
use crate::subscriptions::WritePermission;
use crate::time::Instant;
use crate::timer::Timer;

impl Machine {
    pub(super) fn silence_deadline(&self) -> Option<Instant> {
        self.liveness.deadline(&self.config).filter(|_| self.state.is_usable())
    }

    /// Probes a silent connection, or gives it up.
    pub(super) fn check_silence(&mut self) {
        match self.liveness.verdict(self.now, &self.config) {
            Verdict::Alive => {}
            Verdict::Probe => {
                // A ping would reach the gateway only, a `tic` reaches its backend
                // (docs/protocol.md §1.8).
                if matches!(self.permission, WritePermission::Ungated | WritePermission::All) {
                    self.send_text("tic".into());
                }
                self.liveness.probed(self.now);
            }
            Verdict::Dead => self.give_up(ConnectionLoss::Silent),
        }
    }

    /// Writes the next `tic`.
    pub(super) fn on_tic_timer(&mut self) {
        self.timers.set(Timer::Tic, self.config.tic_interval.map(|span| self.now + span));
        self.write("tic".into());
    }

    /// Sends the next WebSocket ping.
    pub(super) fn on_ping_timer(&mut self) {
        self.timers.set(Timer::Ping, self.config.ping_interval.map(|span| self.now + span));
        let Some(conn) = self.conn else { return };
        self.out.push_back(Output::Action(Action::Ping { conn }));
        self.liveness.pinged(self.now);
        self.watch_pong();
    }

    pub(super) fn on_pong(&mut self) {
        self.liveness.pong(self.now);
        self.watch_pong();
    }

    /// Sets the timer for the age of the last pong.
    fn watch_pong(&mut self) {
        let usable = self.state.is_usable();
        self.timers.set(Timer::Pong, self.liveness.pong_deadline(&self.config).filter(|_| usable));
    }

    /// Writes a text if everything may be written. Returns whether it did.
    pub(super) fn write(&mut self, text: String) -> bool {
        self.permission == WritePermission::All && self.send_text(text)
    }

    fn send_text(&mut self, text: String) -> bool {
        let Some(conn) = self.conn else { return false };
        if text == "tic" {
            self.liveness.tic_sent(self.now);
        }
        self.stats.sent += 1;
        self.out.push_back(Output::Action(Action::SendText { conn, text }));
        true
    }
}
