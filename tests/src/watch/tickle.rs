//! `--tickle`: the session of each dial, from the gateway's `/tickle`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ibws_proto::client::{Builder, RestConnection};
use ibws_proto::keeper::{Call, CallError};
use ibws_proto::rest::RestError;
use ibws_proto::transport::websocket::Net;
use ibws_proto::transport::{
    CookieForm, Credentials, CredentialsFuture, DialRequest, Endpoint, Plaintext, Runtime, Secret, Trust,
};
use ibws_proto::{ConnectError, ConnectErrorKind, Instant};

/// The longest that a call may take.
const TIME: Duration = Duration::from_secs(10);
/// How long a session is used again: the gateway allows one tickle a second (docs/protocol.md
/// §8.3).
const SPACING: Duration = Duration::from_millis(1_100);

/// Reads the URL of `/tickle`, and returns the WebSocket beside it, from which the call is made.
pub(super) fn address(text: &str) -> Result<Endpoint, String> {
    let url = text.strip_suffix("/tickle").and_then(|base| base.strip_prefix("http"));
    let url = url.filter(|rest| rest.starts_with("://") || rest.starts_with("s://"));
    let Some(rest) = url else {
        return Err("write the whole URL, such as https://localhost:5000/v1/api/tickle".into());
    };
    Endpoint::parse(&format!("ws{rest}/ws"), Plaintext::OnLoopback).map_err(|error| error.to_string())
}

/// Makes the tickle the source of the session of each dial.
pub(super) fn apply<R>(builder: Builder<R>, tickle: &Endpoint, trust: Trust, form: CookieForm) -> Builder<R>
where
    R: Runtime + Net + Clone,
{
    let runtime = builder.runtime().clone();
    let target = DialRequest { trust, ..DialRequest::new(tickle.clone()) };
    let last = Arc::<Mutex<Option<(Instant, Secret)>>>::default();
    builder.credentials(move || -> CredentialsFuture {
        let (runtime, target, last) = (runtime.clone(), target.clone(), Arc::clone(&last));
        Box::pin(async move {
            let now = runtime.now();
            let known = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let session = match known.filter(|(at, _)| *at + SPACING > now) {
                Some((_, session)) => session,
                None => tickle_once(&runtime, target).await?,
            };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, session.clone()));
            Ok(Credentials::default().with_session(session, form))
        })
    })
}

async fn tickle_once<R: Runtime + Net>(runtime: &R, target: DialRequest) -> Result<Secret, ConnectError> {
    let failed = |detail: &str| ConnectError::new(ConnectErrorKind::Credentials, detail);
    let call = RestConnection::new(target, TIME).call(runtime, &Call::Tickle, &Credentials::default()).await;
    let reply = match call {
        Ok(reply) if reply.status == 200 => reply,
        Ok(reply) => {
            let body = String::from_utf8_lossy(&reply.body);
            return Err(failed(&RestError::from_reply("/tickle", reply.status, &body).reason));
        }
        Err(CallError::Connect(error)) => return Err(error),
        Err(error) => return Err(failed(&format!("/tickle: {error}"))),
    };
    let session = serde_json::from_slice::<serde_json::Value>(&reply.body).ok();
    let session = session.as_ref().and_then(|body| body.get("session")).and_then(serde_json::Value::as_str);
    session.and_then(|session| Secret::new(session).ok()).ok_or_else(|| {
        failed("the reply of /tickle has no session: log in at the gateway's web page, and check the URL of --tickle")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_the_tickle_names_the_websocket_beside_it() {
        let endpoint = address("https://localhost:5000/v1/api/tickle").unwrap();
        assert_eq!((endpoint.host(), endpoint.port(), endpoint.path()), ("localhost", 5000, "/v1/api/ws"));
        assert!(endpoint.is_tls() && !address("http://127.0.0.1:5000/v1/api/tickle").unwrap().is_tls());
        for text in
            ["", "localhost", "https://localhost:5000/v1/api", "wss://localhost/tickle", "http://ibkr.example/tickle"]
        {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
