//! The REST half of the gateway, as far as a streaming client needs it: `/v1/api/…`.

use ibws_proto::Instant;
use serde_json::Value;

use super::control::Recovery;
use super::{Gateway, opening};
use crate::json::{Json, members};

/// The lifetime of a session, one day; `tickle` shows the remaining time.
const SESSION_MS: u64 = 86_400_000;

/// The reply to a REST request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestReply {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON.
    pub body: String,
    /// The value of a `Set-Cookie` header.
    pub set_cookie: Option<String>,
}

impl RestReply {
    fn json(status: u16, body: &Json) -> Self {
        Self { status, body: body.to_string(), set_cookie: None }
    }

    fn error(status: u16, text: &str) -> Self {
        Self::json(status, &Json::object([("error", Json::text(text)), ("statusCode", Json::int(status))]))
    }
}

impl Gateway {
    /// Replies to one request. `path` is the whole path, `query` is what follows its `?`.
    pub fn rest(&mut self, now: Instant, method: &str, path: &str, query: &str) -> RestReply {
        self.tick(now);
        let Some(resource) = path.strip_prefix("/v1/api/") else {
            return RestReply::error(404, "Not Found: REST lives under /v1/api");
        };
        match (method, resource.trim_end_matches('/')) {
            ("GET" | "POST", "tickle") => self.tickle(),
            ("GET" | "POST", "iserver/auth/status") => RestReply::json(200, &self.auth_status()),
            ("GET", "sso/validate") => self.validate(),
            ("GET", "iserver/accounts") => self.list_accounts(),
            ("GET", "iserver/account/orders") => self.list_orders(query),
            (_, "tickle" | "iserver/auth/status" | "sso/validate" | "iserver/accounts" | "iserver/account/orders") => {
                RestReply::error(405, "Method Not Allowed")
            }
            _ => RestReply::error(404, "Not Found: the simulated gateway has no such resource"),
        }
    }

    fn auth_status(&self) -> Json {
        let mut status = opening::status_flags(&self.config);
        status.extend(members([
            ("message", Json::text("")),
            ("MAC", Json::text("02:00:00:00:00:01")),
            ("serverInfo", opening::server_info()),
            ("fail", Json::text("")),
        ]));
        Json::Object(status)
    }

    fn tickle(&self) -> RestReply {
        let iserver = Json::object([("authStatus", self.auth_status())]);
        let body = Json::object([
            ("session", Json::text(&self.session)),
            ("ssoExpires", Json::int(SESSION_MS - self.now.as_nanos() / 1_000_000 % SESSION_MS)),
            // The spelling of the real reply.
            ("collission", Json::bool(self.config.competing)),
            ("userId", Json::int(100_000_000 + self.config.seed % 900_000_000)),
            ("hmds", Json::object([("error", Json::text("no bridge"))])),
            ("iserver", iserver),
        ]);
        // The cookie of a browser, which authorises a socket as well (docs/protocol.md §1.2).
        let cookie = format!("x-sess-uuid={}; Path=/v1/api; HttpOnly", self.browser_cookie);
        RestReply { set_cookie: Some(cookie), ..RestReply::json(200, &body) }
    }

    fn validate(&self) -> RestReply {
        let body = Json::object([
            ("USER_ID", Json::int(100_000_000 + self.config.seed % 900_000_000)),
            ("USER_NAME", Json::text(&self.config.username)),
            ("RESULT", Json::bool(true)),
            ("AUTH_TIME", Json::int(self.config.epoch_ms)),
            ("EXPIRES", Json::int(SESSION_MS - self.now.as_nanos() / 1_000_000 % SESSION_MS)),
            ("lastAccessed", Json::int(self.epoch_ms(self.now))),
        ]);
        RestReply::json(200, &body)
    }

    fn list_accounts(&mut self) -> RestReply {
        if !self.config.authenticated {
            return no_bridge();
        }
        self.faults.recover(Recovery::Accounts);
        let frame = opening::accounts(&self.config, &self.trading_session);
        // `act` is the streamed form of this resource and has the same lists.
        let args =
            serde_json::from_str(&frame).ok().and_then(|mut frame: Value| frame.get_mut("args").map(Value::take));
        RestReply { status: 200, body: args.unwrap_or_default().to_string(), set_cookie: None }
    }

    /// The first reply of a session is empty and is not a snapshot, as with a real gateway, so
    /// clients request it twice.
    fn list_orders(&mut self, query: &str) -> RestReply {
        if !self.config.authenticated {
            return no_bridge();
        }
        self.faults.recover(Recovery::Orders);
        // A forced call clears the cache and replies with an empty list; the next call has the orders
        // (docs/protocol.md §8.2).
        if query.split('&').any(|pair| pair == "force=true") {
            self.has_listed_orders = false;
        }
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                // A filter narrows the stream too, until a forced call clears it (docs/protocol.md
                // §3.4).
                "filters" if !value.is_empty() => self.leaked_filter = Some(value.to_owned()),
                "force" if value == "true" => self.leaked_filter = None,
                _ => {}
            }
        }
        let orders =
            if self.has_listed_orders { self.feed.orders.live(self.leaked_filter.as_deref()) } else { Vec::new() };
        let body = Json::object([("orders", Json::List(orders)), ("snapshot", Json::bool(self.has_listed_orders))]);
        self.has_listed_orders = true;
        RestReply::json(200, &body)
    }
}

/// The reply of REST while there is no brokerage session (docs/protocol.md §1.3).
fn no_bridge() -> RestReply {
    RestReply::error(400, "Bad Request: no bridge")
}
