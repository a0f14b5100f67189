//! The REST half of the gateway, as far as a streaming client needs it: `/v1/api/…`.

use ibws_proto::Instant;
use serde_json::Value;

use super::control::Recovery;
use super::{Gateway, PromptReply, opening};
use crate::json::{Json, members};

/// The lifetime of a session, one day; `tickle` shows the remaining time.
const SESSION_MS: u64 = 86_400_000;

/// The reply to a REST request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestReply {
    /// The HTTP status.
    pub status: u16,
    /// The body: JSON, except for the text of [`RestFault::AccessDenied`].
    pub body: String,
    /// The value of a `Set-Cookie` header.
    pub set_cookie: Option<String>,
}

impl RestReply {
    pub(super) fn json(status: u16, body: &Json) -> Self {
        Self { status, body: body.to_string(), set_cookie: None }
    }

    pub(super) fn error(status: u16, text: &str) -> Self {
        Self::json(status, &Json::object([("error", Json::text(text)), ("statusCode", Json::int(status))]))
    }
}

/// A way in which REST fails (docs/protocol.md §8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestFault {
    /// 400 `no bridge`: there is no brokerage session.
    NoBridge,
    /// 401: nobody is logged in.
    NotLoggedIn,
    /// 403 `Access Denied`, as a proxy or the direct endpoint replies.
    Forbidden,
    /// 404 `Access Denied`: the gateway's `conf.yaml` denies the address.
    AccessDenied,
    /// 500, an error of the server.
    Internal,
    /// 503, as during maintenance.
    Unavailable,
}

impl RestFault {
    pub(super) fn reply(self) -> RestReply {
        match self {
            Self::NoBridge => RestReply::error(400, "Bad Request: no bridge"),
            Self::NotLoggedIn => RestReply::error(401, "not authenticated"),
            Self::Forbidden => RestReply { status: 403, body: "Access Denied".into(), set_cookie: None },
            Self::AccessDenied => RestReply { status: 404, body: "Access Denied".into(), set_cookie: None },
            Self::Internal => RestReply::error(500, "Internal Server Error"),
            Self::Unavailable => RestReply::error(503, "Service Unavailable"),
        }
    }
}

impl Gateway {
    /// Replies to one request without a body. `path` is the whole path, `query` is what follows its
    /// `?`.
    pub fn rest(&mut self, now: Instant, method: &str, path: &str, query: &str) -> RestReply {
        self.rest_with_body(now, method, path, query, b"")
    }

    /// Replies to one request with a body of JSON; another body counts as none.
    pub fn rest_with_body(&mut self, now: Instant, method: &str, path: &str, query: &str, body: &[u8]) -> RestReply {
        self.tick(now);
        let Some(resource) = path.strip_prefix("/v1/api/").map(|resource| resource.trim_end_matches('/')) else {
            return RestReply::error(404, "Not Found: REST lives under /v1/api");
        };
        // An address that is denied does not reach the backend, which counts the calls.
        if let Some(fault) = self.rest_fault.filter(|fault| *fault == RestFault::AccessDenied) {
            return fault.reply();
        }
        if self.config.paces_rest && !self.limits.admit(resource, self.now) {
            return RestReply::error(429, "Too Many Requests");
        }
        if let Some(fault) = self.rest_fault.or(self.is_backend_away.then_some(RestFault::Unavailable)) {
            return fault.reply();
        }
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        match (method, resource) {
            ("GET" | "POST", "tickle") => self.tickle(),
            ("GET" | "POST", "iserver/auth/status") => RestReply::json(200, &self.auth_status()),
            ("POST", "iserver/auth/ssodh/init") => self.init(&body),
            ("GET", "sso/validate") => self.validate(),
            ("GET", "iserver/accounts") => self.list_accounts(),
            ("GET", "iserver/account/orders") => self.list_orders(query),
            ("GET", "iserver/account/trades") => self.list_trades(query),
            ("POST", "iserver/notification") => self.resolve_prompt(&body),
            (
                _,
                "tickle"
                | "iserver/auth/status"
                | "iserver/auth/ssodh/init"
                | "sso/validate"
                | "iserver/accounts"
                | "iserver/account/orders"
                | "iserver/account/trades"
                | "iserver/notification",
            ) => RestReply::error(405, "Method Not Allowed"),
            _ => RestReply::error(404, "Not Found: the simulated gateway has no such resource"),
        }
    }

    /// Makes every REST call fail in this way; `None` ends that.
    pub fn set_rest_fault(&mut self, fault: Option<RestFault>) {
        self.rest_fault = fault;
    }

    pub(super) fn auth_status(&self) -> Json {
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
            return RestFault::NoBridge.reply();
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
            return RestFault::NoBridge.reply();
        }
        self.faults.recover(Recovery::Orders);
        // A forced call clears the cache and replies with an empty list; the next call has the
        // orders (docs/protocol.md §8.2).
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

    /// The executions of the last `days`: one by default, seven at most.
    fn list_trades(&self, query: &str) -> RestReply {
        if !self.config.authenticated {
            return RestFault::NoBridge.reply();
        }
        let days = query.split('&').find_map(|pair| pair.strip_prefix("days=")?.parse().ok());
        RestReply::json(200, &Json::List(self.feed.executions.rows(days, self.epoch_ms(self.now))))
    }

    /// Resolves a prompt. Its reply has one of the options as its text (docs/protocol.md §8.2).
    fn resolve_prompt(&mut self, body: &Value) -> RestReply {
        if !self.config.authenticated {
            return RestFault::NoBridge.reply();
        }
        let text = |name: &str| match body.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let reply = PromptReply {
            order_id: text("orderId").parse().unwrap_or_default(),
            req_id: text("reqId"),
            text: text("text"),
        };
        let is_known =
            |(order, options): &(u64, Vec<String>)| *order == reply.order_id && options.contains(&reply.text);
        if !self.open_prompts.get(&reply.req_id).is_some_and(is_known) {
            return RestReply::error(400, "Bad Request: no such prompt is open, or it has no such option");
        }
        self.open_prompts.remove(&reply.req_id);
        self.prompt_replies.push(reply);
        RestReply::json(200, &Json::object([("status", Json::text("ok"))]))
    }
}
