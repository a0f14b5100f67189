//! The REST handler of a world: the calls that it makes at the gateway (docs/protocol.md §8.2).

use core::time::Duration;

use ibws_proto::{
    Instant, Key,
    rest::{RestError, RestReply, RestRequest, RestResult, RestSnapshot, SessionNeed},
};

use super::World;

/// A handler makes these calls once a second at most, for all requests together.
const SPACING: Duration = Duration::from_secs(1);

/// The distance of two calls for orders (docs/protocol.md §8.3).
const ORDERS_SPACING: Duration = Duration::from_secs(5);

impl World {
    /// How long the handler waits before the calls of a request, so that they keep the pacing. The
    /// machine keeps it too, on its own clock, which may be late.
    pub(super) fn rest_wait(&self, request: &RestRequest) -> Duration {
        let calls_orders =
            matches!(request, RestRequest::Prime(key) | RestRequest::Reconcile { key, .. } if key.key() == Key::Orders);
        if !calls_orders {
            return Duration::ZERO;
        }
        self.orders_free_at.since(self.now)
    }

    /// Makes the calls for one request.
    pub(super) fn make_rest_calls(&mut self, request: &RestRequest) -> RestResult {
        match request {
            RestRequest::Prime(key) if key.key() == Key::Orders => {
                self.call_once("iserver/accounts")?;
                self.call_orders("force=true").map(drop)?;
            }
            RestRequest::Prime(_) => self.call_once("iserver/accounts")?,
            RestRequest::Reconcile { since, .. } => {
                let orders = self.call_orders("")?;
                if orders.contains(r#""snapshot":false"#) {
                    return Ok(RestReply::Incomplete);
                }
                let days = days_since(*since, self.now);
                let executions = self.call("GET", "iserver/account/trades", &format!("days={days}"), "")?;
                let snapshot = RestSnapshot { orders: orders.into(), executions: Some(executions.into()) };
                return Ok(RestReply::Snapshot(snapshot));
            }
            RestRequest::Session(SessionNeed::Missing) if self.link.keeps_session => self.call_once("tickle")?,
            RestRequest::Session(_) if self.link.keeps_session => {
                let init = r#"{"publish":true,"compete":false}"#;
                let status = self.call("POST", "iserver/auth/ssodh/init", "", init)?;
                if !status.contains(r#""authenticated":true"#) {
                    return Err(RestError::new("the session is not authenticated yet"));
                }
            }
            _ => {}
        }
        Ok(RestReply::Complete)
    }

    /// Makes a call unless it was made within the last second.
    fn call_once(&mut self, resource: &'static str) -> Result<(), RestError> {
        let last = self.called.get(resource);
        if last.is_some_and(|last| self.now.since(*last) < SPACING) {
            return Ok(());
        }
        self.called.insert(resource, self.now);
        self.call("GET", resource, "", "").map(drop)
    }

    /// Calls the orders endpoint.
    fn call_orders(&mut self, query: &str) -> Result<String, RestError> {
        self.orders_free_at = self.now + ORDERS_SPACING;
        self.call("GET", "iserver/account/orders", query, "")
    }

    fn call(&mut self, method: &str, resource: &str, query: &str, body: &str) -> Result<String, RestError> {
        let path = format!("/v1/api/{resource}");
        let reply = self.gateway.rest_with_body(self.now, method, &path, query, body.as_bytes());
        if reply.status != 200 {
            return Err(RestError::new(format!("{resource}: HTTP {}", reply.status)));
        }
        Ok(reply.body)
    }
}

/// The days that a request for executions must name so that it reaches back to `since`: one more
/// than have passed, and seven at most (docs/protocol.md §8.2).
#[must_use]
pub fn days_since(since: Instant, now: Instant) -> u64 {
    (now.since(since).as_secs() / 86_400 + 1).min(7)
}

/// The result of a REST handler that succeeds, or that fails.
///
/// # Errors
/// If it fails.
pub fn rest_result(done: bool) -> RestResult {
    if done { Ok(RestReply::Complete) } else { Err(RestError::new("the REST handler fails")) }
}
