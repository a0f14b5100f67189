//! The line between keepers and the gateway: latency, and what happens to calls on it.

use core::time::Duration;

use bytes::Bytes;
use ibws_proto::Instant;
use ibws_proto::keeper::{Call, CallError, CallReply, CallResult};

use super::KeeperWorld;
use crate::gateway::Gateway;
use crate::prng::Prng;

/// The line. Every part of it can be changed at any time.
#[derive(Clone, Debug)]
pub struct Line {
    /// The time that a call or a reply takes.
    pub latency: Duration,
    /// A random time that is added to it.
    pub jitter: Duration,
    /// Connections are refused.
    pub refuses: bool,
    /// One of this many calls hangs; 0 for none, 1 for all. Half of those reach the gateway.
    pub hangs_one_in: u64,
    /// One of this many replies is cut, is no JSON, or lacks a member; 0 for none.
    pub halves_one_in: u64,
    /// Inputs carry a time that is up to this much earlier than the last one.
    pub clock_back: Duration,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            refuses: false,
            hangs_one_in: 0,
            halves_one_in: 0,
            clock_back: Duration::ZERO,
        }
    }
}

impl Line {
    /// Makes the line faultless, with the latency that it has.
    pub fn heal(&mut self) {
        *self = Self { latency: self.latency, jitter: self.jitter, ..Self::default() };
    }

    pub(super) fn latency(&self, chance: &mut Prng) -> Duration {
        self.latency + Duration::from_nanos(chance.below(self.jitter.as_nanos() as u64 + 1))
    }

    /// Carries a call to the gateway, and returns its result; `None` if it hangs.
    pub(super) fn carry(
        &self,
        gateway: &mut Gateway,
        now: Instant,
        call: &Call,
        chance: &mut Prng,
    ) -> Option<CallResult> {
        if self.refuses {
            return Some(Err(KeeperWorld::refused()));
        }
        let hangs = self.hangs_one_in > 0 && chance.chance(1, self.hangs_one_in);
        if hangs && chance.chance(1, 2) {
            return None;
        }
        let (query, body) = (call.query().unwrap_or_default(), call.body().unwrap_or_default());
        let path = format!("/v1/api{}", call.path());
        let reply = gateway.rest_with_body(now, call.method().as_str(), &path, &query, body.as_bytes());
        if hangs {
            return None;
        }
        let mut body = reply.body;
        if self.halves_one_in > 0 && chance.chance(1, self.halves_one_in) {
            match chance.below(6) {
                0 => return Some(Err(CallError::Broken("the peer closed the connection".into()))),
                1 => body.truncate(chance.below(body.len() as u64) as usize),
                2 => body = "<html>one moment</html>".into(),
                3 => body = body.replace("authenticated", "other").replace("snapshot", "other"),
                4 => body = "{}".into(),
                _ => return Some(Err(CallError::TooLarge { limit: 1_024 })),
            }
        }
        Some(Ok(CallReply { status: reply.status, retry_after: None, body: Bytes::from(body.into_bytes()) }))
    }
}
