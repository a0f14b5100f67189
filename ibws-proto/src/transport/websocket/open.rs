//! Opens a WebSocket: TCP, the tunnel of a proxy, TLS and the HTTP upgrade, each within its limit.

use core::future::poll_fn;
use core::time::Duration;
use std::boxed::Box;
use std::io;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

use tungstenite::handshake::{client::generate_key, derive_accept_key};
use tungstenite::protocol::WebSocketConfig;

use super::read_ahead::ReadAhead;
use super::socket::Socket;
use super::stream::{ReadBudget, YieldingStream};
use super::{ByteStream, Net, TextFilterStream, WebSocket};
use crate::transport::dial::{self, Stage, until, within};
use crate::transport::tunnel::{self, TunnelResponse};
use crate::transport::upgrade::{self, UpgradeResponse};
use crate::transport::{DialRequest, Limits, Peer, Runtime, tls};
use crate::{ConnectError, ConnectErrorKind};

/// The time for the body of a refusal that did not arrive with its head.
const BODY_TIMEOUT: Duration = Duration::from_millis(500);

/// Dials the endpoint of `request`: connects over TCP, through the proxy if the request has one,
/// runs the TLS handshake unless the endpoint is plaintext, and upgrades.
///
/// The addresses of the host are tried in order. This is the whole of [`Runtime::dial`] for an
/// adapter.
///
/// # Errors
/// [`ConnectError`], whose kind decides whether a retry helps and whose detail names the peer.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn dial<R: Runtime + Net>(runtime: &R, request: &DialRequest) -> Result<WebSocket, ConnectError> {
    let (tcp, peer) = dial::connect(runtime, request, R::look_up, R::connect).await?;
    opened::<R, R>(runtime, tcp, peer, request).await
}

/// Connects to the endpoint of `request` as [`dial()`] does, without the upgrade. The stream is
/// ready for HTTP.
///
/// # Errors
/// [`ConnectError`], whose kind decides whether a retry helps and whose detail names the peer.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn connect<R: Runtime + Net>(
    runtime: &R,
    request: &DialRequest,
) -> Result<Box<dyn ByteStream>, ConnectError> {
    let (tcp, peer) = dial::connect(runtime, request, R::look_up, R::connect).await?;
    secured::<R, R>(runtime, YieldingStream::new(ReadAhead::new(tcp)), peer, request).await
}

/// Opens a WebSocket on a connection that the application made: the tunnel of the proxy if `peer`
/// is [`Peer::Proxy`], TLS and the upgrade.
///
/// It serves a [`Runtime`] that dials in its own way. `peer` is the other end of `stream`, as
/// [`dial::connect`](crate::transport::dial::connect) returns it; [`Peer::Unknown`] if the
/// application does not know it. The limits of `request` run on the clock of `runtime`; the limit
/// for TCP has no effect.
///
/// # Errors
/// [`ConnectError`], whose kind decides whether a retry helps and whose detail names the peer.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn open<N: Net, R: Runtime>(
    runtime: &R,
    stream: impl ByteStream,
    peer: Peer,
    request: &DialRequest,
) -> Result<WebSocket, ConnectError> {
    request.check()?;
    opened::<N, R>(runtime, stream, peer, request).await
}

async fn opened<N: Net, R: Runtime>(
    runtime: &R,
    stream: impl ByteStream,
    peer: Peer,
    request: &DialRequest,
) -> Result<WebSocket, ConnectError> {
    let stream = YieldingStream::new(ReadAhead::new(stream));
    let budget = stream.budget();
    let stream = secured::<N, R>(runtime, stream, peer, request).await?;
    upgraded::<N, R>(runtime, stream, budget, request).await
}

/// Runs the tunnel and the TLS handshake on a TCP connection.
async fn secured<N: Net, R: Runtime>(
    runtime: &R,
    mut stream: impl ByteStream,
    peer: Peer,
    request: &DialRequest,
) -> Result<Box<dyn ByteStream>, ConnectError> {
    let DialRequest { endpoint, trust, .. } = request;
    if peer == Peer::Proxy {
        within(runtime, Stage::Proxy, request, tunnelled(&mut stream, request)).await?;
    }
    if !endpoint.is_tls() {
        return Ok(Box::new(stream));
    }
    let config = trust.client_config(peer).map_err(|error| tls::trust_error(&error))?;
    let name = tls::server_name(endpoint)?;
    let handshake = async {
        let stream = N::secure(config, name, stream).await;
        stream.map_err(|error| tls::handshake_error(&error, endpoint))
    };
    Ok(Box::new(within(runtime, Stage::Tls, request, handshake).await?))
}

/// Requests the proxy to connect to the endpoint, and reads its response.
async fn tunnelled(stream: &mut dyn ByteStream, request: &DialRequest) -> Result<(), ConnectError> {
    let Some(proxy) = &request.proxy else {
        let detail = "the stream leads to a proxy and the request names none: set `DialRequest::proxy`";
        return Err(ConnectError::new(ConnectErrorKind::Proxy, detail));
    };
    let mut response = TunnelResponse::new(&request.endpoint, proxy);
    // A proxy that refuses without reading explains it in its response, so a write error is not
    // reported.
    let _ = write_all(stream, &tunnel::request(&request.endpoint, proxy)).await;
    let mut chunk = vec![0; 4096];
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut chunk)).await {
            Ok(0) | Err(_) => return Err(response.cut_off()),
            Ok(count) => {
                if response.push(chunk.get(..count).unwrap_or_default())? {
                    return Ok(());
                }
            }
        }
    }
}

/// Upgrades a connection that is ready for HTTP.
async fn upgraded<N: Net, R: Runtime>(
    runtime: &R,
    mut stream: Box<dyn ByteStream>,
    budget: ReadBudget,
    request: &DialRequest,
) -> Result<WebSocket, ConnectError> {
    let limits = &request.limits;
    let upgrade = upgrade(&mut *stream, request);
    let first_frames = match within(runtime, Stage::Upgrade, request, upgrade).await? {
        Upgraded::Open(first_frames) => first_frames,
        Upgraded::Refused(response) => return Err(explained(runtime, &mut *stream, *response).await),
    };
    // tungstenite could take these bytes as its read buffer (`from_partially_read`), but that
    // buffer would then keep their size forever, and every later frame would cost two reads of the
    // socket.
    let stream = TextFilterStream::new(stream, budget, first_frames, limits);
    let config = websocket_config(limits);
    let max_write_buffer = config.max_write_buffer_size;
    Ok(WebSocket::new(Socket::new(stream, config), max_write_buffer, N::pending_is_empty))
}

fn websocket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer)
        .write_buffer_size(limits.write_buffer.min(usize::MAX - 1))
        // tungstenite panics unless this is larger than the write buffer.
        .max_write_buffer_size(limits.max_write_buffer.max(limits.write_buffer.saturating_add(1)))
        .max_message_size(Some(limits.max_message_size))
        .max_frame_size(Some(limits.max_frame_size))
}

/// The response to the upgrade request.
enum Upgraded {
    /// The WebSocket is open; these are the bytes that followed the head.
    Open(Vec<u8>),
    /// The head of a refusal.
    Refused(Box<UpgradeResponse>),
}

/// Sends the upgrade request and reads the head of the response.
async fn upgrade(stream: &mut dyn ByteStream, request: &DialRequest) -> Result<Upgraded, ConnectError> {
    let DialRequest { endpoint, credentials, .. } = request;
    let key = generate_key();
    let head = upgrade::request(endpoint, credentials, &key)
        .map_err(|error| ConnectError::new(ConnectErrorKind::Credentials, error.to_string()))?;
    let mut response = UpgradeResponse::new(endpoint, &derive_accept_key(key.as_bytes()));
    response = response.with_credentials(credentials);
    // A peer that refuses without reading may close while the request is being written. Its
    // response explains more than the write error, so it is read in this case too.
    let written = write_all(stream, &head).await;
    let mut chunk = vec![0; 4096];
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut chunk)).await {
            Ok(0) => return Err(response.cut_off()),
            Ok(count) => {
                if let Some(first_frames) = response.push(chunk.get(..count).unwrap_or_default())? {
                    return Ok(Upgraded::Open(first_frames));
                }
                if response.is_refused() {
                    return Ok(Upgraded::Refused(Box::new(response)));
                }
            }
            Err(error) => return Err(tls::upgrade_error(&written.err().unwrap_or(error), endpoint)),
        }
    }
}

/// Returns the error of a refusal, after one more read of its body. That read ends early, because
/// the body only explains the refusal and may never come.
async fn explained<R: Runtime>(
    runtime: &R,
    stream: &mut dyn ByteStream,
    mut response: UpgradeResponse,
) -> ConnectError {
    let mut chunk = vec![0; 4096];
    let read = poll_fn(|cx| stream.poll_read(cx, &mut chunk));
    let count = until(runtime, runtime.now() + BODY_TIMEOUT, read).await.and_then(Result::ok).unwrap_or(0);
    match response.push(chunk.get(..count).unwrap_or_default()) {
        Err(error) => error,
        Ok(_) => response.cut_off(),
    }
}

/// Writes all of `bytes`, then flushes.
async fn write_all(stream: &mut dyn ByteStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match poll_fn(|cx| stream.poll_write(cx, bytes)).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => bytes = bytes.get(count..).unwrap_or_default(),
        }
    }
    poll_fn(|cx| stream.poll_flush(cx)).await
}
