//! Makes the calls of the REST interface over HTTP/1.1, on the stream and with the trust of the
//! adapter. hyper's low-level client writes and parses; nothing runs in the background.

use core::error::Error as _;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::boxed::Box;
use std::format;
use std::io;
use std::string::{String, ToString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, DATE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response, StatusCode};

use crate::keeper::{Call, CallError, CallReply, CallResult, Method};
use crate::transport::dial::until;
use crate::transport::retry_after::pause;
use crate::transport::websocket::{self, ByteStream, Net};
use crate::transport::{Credentials, DEFAULT_PATH, DialRequest, Endpoint, Runtime, tls};
use crate::{ConnectError, ConnectErrorKind, excerpt};

/// The largest head of a reply in bytes, interim replies included.
const MAX_HEAD: usize = 16 * 1024;
/// The maximum number of headers of a reply.
const MAX_HEADERS: usize = 100;
/// The number of bytes of one read.
const READ: usize = 8 * 1024;

/// Makes calls of the REST interface, one at a time, on one connection that it keeps between them.
///
/// It follows no redirect: a reply with 3xx is a reply. It uses a proxy only if the request of the
/// dial names one. It stores no cookie of a reply: behind the gateway a cookie is not needed,
/// because the gateway keeps those of the backend, and the session of the direct endpoint comes
/// with the [`Credentials`] (docs/protocol.md §1.2).
#[derive(Debug)]
pub struct RestConnection {
    target: DialRequest,
    /// The time of a whole call.
    time: Duration,
    /// The connection of the last call; `None` if it cannot be used again.
    kept: Option<Kept>,
}

impl RestConnection {
    /// Creates a connection to the REST interface beside the WebSocket of `target`: same host, same
    /// trust and limits, no connection yet. A call takes at most `time`, connecting included, and
    /// its reply has at most
    /// [`Limits::max_reply_size`](crate::transport::Limits::max_reply_size) bytes.
    #[must_use]
    pub fn new(target: DialRequest, time: Duration) -> Self {
        Self { target, time, kept: None }
    }

    /// Makes one call with the cookies, the headers and the `User-Agent` of `credentials`. Their
    /// query is that of the WebSocket and is not sent.
    ///
    /// If the peer closed the kept connection and nothing of the reply arrived, the call is made
    /// once more on a new connection, unless repeating it could break the pacing of its path or
    /// have an effect twice.
    ///
    /// # Errors
    /// [`CallError`], within the time of a call in any case. No text of it holds a byte of the
    /// body.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection; the call may have had its effect.
    pub async fn call<R: Runtime + Net>(&mut self, runtime: &R, call: &Call, credentials: &Credentials) -> CallResult {
        let limit = self.time;
        let result = until(runtime, runtime.now() + limit, self.exchange(runtime, call, credentials)).await;
        result.unwrap_or(Err(CallError::TimedOut(limit)))
    }

    /// Makes the call on the kept connection, or on a new one. Only a connection that can be used
    /// again is kept, so a dropped future closes it.
    async fn exchange<R: Runtime + Net>(&mut self, runtime: &R, call: &Call, credentials: &Credentials) -> CallResult {
        let request = request(&self.target.endpoint, call, credentials)?;
        let limit = self.target.limits.max_reply_size;
        if let Some(mut kept) = self.kept.take()
            && kept.is_usable().await
        {
            match kept.exchange(request.clone(), limit).await {
                Err(failure) if failure.can_repeat(call) => {}
                result => return self.keep(kept, result),
            }
        }
        let mut fresh = Kept::new(websocket::connect(runtime, &self.target).await?).await.map_err(CallError::from)?;
        let result = fresh.exchange(request, limit).await;
        self.keep(fresh, result)
    }

    fn keep(&mut self, connection: Kept, result: Result<CallReply, ExchangeError>) -> CallResult {
        match result {
            Ok(reply) => {
                self.kept = Some(connection);
                Ok(reply)
            }
            Err(failure) => Err(failure.into_error(&self.target.endpoint)),
        }
    }
}

/// Returns the path below which the calls are, for the address of a WebSocket.
fn base(endpoint: &Endpoint) -> &str {
    let or_default = || DEFAULT_PATH.strip_suffix("/ws");
    endpoint.path().strip_suffix("/ws").or_else(or_default).unwrap_or_default()
}

/// Returns the request of a call in origin form, with the header `Host`.
fn request(endpoint: &Endpoint, call: &Call, credentials: &Credentials) -> Result<Request<Content>, CallError> {
    let refused = |detail: String| CallError::Connect(ConnectError::new(ConnectErrorKind::Credentials, detail));
    let unusable = |what: &str| refused(format!("the credentials make no valid HTTP {what}: correct them"));
    credentials.check_endpoint(endpoint).map_err(|error| refused(error.to_string()))?;
    let mut target = format!("{}{}", base(endpoint), call.path());
    if let Some(query) = call.query() {
        target.push('?');
        target.push_str(&query);
    }
    let content = call.body().unwrap_or_default();
    let builder = Request::builder()
        .method(call.method().as_str())
        .uri(target)
        .header(HOST, endpoint.authority())
        .header(USER_AGENT, credentials.user_agent())
        .header(ACCEPT, "application/json");
    let mut builder = match call.method() {
        Method::Get => builder,
        // hyper omits the length of an empty body, and some servers then refuse a POST with 411.
        Method::Post => builder.header(CONTENT_LENGTH, content.len()).header(CONTENT_TYPE, "application/json"),
    };
    if let Some(cookie) = credentials.cookie_header() {
        let mut value = HeaderValue::from_str(&cookie).map_err(|_| unusable("cookie"))?;
        value.set_sensitive(true);
        builder = builder.header(COOKIE, value);
    }
    for (name, value) in credentials.headers() {
        let mut value = HeaderValue::from_str(value).map_err(|_| unusable("header"))?;
        value.set_sensitive(true);
        builder = builder.header(name, value);
    }
    builder.body(Content(content.into())).map_err(|_| unusable("request"))
}

/// A connection with one request at a time. Its two halves are polled together.
struct Kept {
    sender: SendRequest<Content>,
    /// `None` once it has ended.
    connection: Option<Connection<Adapted, Content>>,
    /// Set by each read that returns bytes.
    has_received: Arc<AtomicBool>,
}

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Kept").field("is_open", &self.connection.is_some()).finish_non_exhaustive()
    }
}

impl Kept {
    async fn new(stream: Box<dyn ByteStream>) -> Result<Self, ConnectError> {
        let has_received = Arc::<AtomicBool>::default();
        let adapted = Adapted { stream, scratch: Vec::new(), has_received: Arc::clone(&has_received) };
        let mut builder = Builder::new();
        builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
        let (sender, connection) = builder
            .handshake(adapted)
            .await
            .map_err(|error| ConnectError::new(ConnectErrorKind::Protocol, text(&error)))?;
        Ok(Self { sender, connection: Some(connection), has_received })
    }

    /// Returns `false` if the peer has closed the connection, or has sent something unasked.
    async fn is_usable(&mut self) -> bool {
        self.turn().await;
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Lets the connection do what it can do now.
    async fn turn(&mut self) {
        poll_fn(|cx| {
            self.poll_connection(cx);
            Poll::Ready(())
        })
        .await;
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            // Its error is also that of the request.
            self.connection = None;
        }
    }

    /// Waits for `future` while the connection runs.
    async fn drive<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.poll_connection(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Sends the request and reads the whole reply.
    async fn exchange(&mut self, request: Request<Content>, limit: usize) -> Result<CallReply, ExchangeError> {
        self.has_received.store(false, Ordering::Relaxed);
        let sent = self.sender.send_request(request);
        let response = self.drive(sent).await;
        let response = response.map_err(|error| self.failure(error))?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(ExchangeError::Reply(CallError::Broken("the gateway replied with HTTP 101 to a call".into())));
        }
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        let body = self.body(response.into_body(), limit).await?;
        // The end of a reply is known only now; a later read of the connection awaits the next one.
        self.turn().await;
        Ok(CallReply { status, retry_after, body })
    }

    async fn body(&mut self, mut incoming: Incoming, limit: usize) -> Result<Bytes, ExchangeError> {
        let too_large = || ExchangeError::Reply(CallError::TooLarge { limit });
        if incoming.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(frame) = self.drive(poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx))).await {
            let frame = frame.map_err(|error| self.failure(error))?;
            // Trailers are discarded.
            let Ok(data) = frame.into_data() else { continue };
            if body.len().saturating_add(data.len()) > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&data);
        }
        Ok(body.into())
    }

    fn failure(&self, error: hyper::Error) -> ExchangeError {
        ExchangeError::Connection { error, has_received: self.has_received.load(Ordering::Relaxed) }
    }
}

/// Returns the pause that a reply requests.
fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let header = |name| response.headers().get(name).map(|value| value.as_bytes().trim_ascii());
    pause(header(RETRY_AFTER)?, header(DATE))
}

/// An exchange without a reply.
enum ExchangeError {
    /// The reply cannot be taken.
    Reply(CallError),
    /// The connection failed.
    Connection {
        error: hyper::Error,
        /// A part of the reply had arrived.
        has_received: bool,
    },
}

impl ExchangeError {
    /// Returns `true` if the call may be made once more at once: its request was not sent, or the
    /// peer closed without a byte of a reply and a second call does no harm.
    fn can_repeat(&self, call: &Call) -> bool {
        // Paced paths are left out: the gateway may have counted the first request.
        let is_harmless = matches!(call, Call::AuthStatus | Call::Accounts);
        match self {
            Self::Reply(_) => false,
            Self::Connection { error, .. } if error.is_canceled() => true,
            Self::Connection { has_received, .. } => !has_received && is_harmless,
        }
    }

    fn into_error(self, endpoint: &Endpoint) -> CallError {
        let error = match self {
            Self::Reply(error) => return error,
            Self::Connection { error, .. } => error,
        };
        // Under TLS 1.3 the peer may refuse after the handshake, with an alert.
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        if let Some(source) = source.filter(|source| source.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()))
        {
            return CallError::Connect(tls::handshake_error(source, endpoint));
        }
        let mut text = text(&error);
        if error.is_parse() {
            text = format!("{text} (a head has at most {MAX_HEAD} bytes and {MAX_HEADERS} headers)");
        }
        CallError::Broken(text.into())
    }
}

/// Returns the message of an error of hyper and of its source. Neither repeats what was received.
fn text(error: &hyper::Error) -> String {
    let source = error.source().map(ToString::to_string);
    let text = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    excerpt(&text).into()
}

/// The body of a request, in one piece.
#[derive(Clone)]
struct Content(Bytes);

impl Body for Content {
    type Data = Bytes;
    type Error = core::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let rest = core::mem::take(&mut self.0);
        Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }
}

/// A byte stream with the traits of hyper.
struct Adapted {
    stream: Box<dyn ByteStream>,
    /// Where a read goes first, because the buffer of hyper is not initialized.
    scratch: Vec<u8>,
    has_received: Arc<AtomicBool>,
}

impl Read for Adapted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.scratch.resize(READ.min(buf.remaining()), 0);
        let count = core::task::ready!(this.stream.poll_read(cx, &mut this.scratch))?;
        if count > 0 {
            this.has_received.store(true, Ordering::Relaxed);
        }
        buf.put_slice(this.scratch.get(..count).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl Write for Adapted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(cx)
    }
}
