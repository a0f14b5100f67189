//! TCP, TLS and the HTTP upgrade, each within its limit.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ibws_proto::driver::upgrade::{self, Answer};
use ibws_proto::driver::{Credentials, DialRequest, Endpoint, Limits, Trust, tls};
use ibws_proto::{ConnectError, ConnectErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::TokioLink;
use crate::filtered::{Filtered, Transport};

/// Opens a WebSocket: TCP to one of the host's addresses in order, TLS unless the endpoint is plaintext, the upgrade.
///
/// Dropping the future abandons the attempt and closes its socket.
///
/// # Errors
/// [`ConnectError`], whose kind says what can be done and whose detail names the peer.
pub async fn dial(request: DialRequest) -> Result<TokioLink, ConnectError> {
    let DialRequest { endpoint, trust, credentials, limits } = request;
    // What is wrong on our side is told before anything goes out.
    let connector = if endpoint.is_tls() { Some(connector(&endpoint, &trust)?) } else { None };
    let tcp = connect(&endpoint, limits.tcp).await?;
    let mut transport = match connector {
        Some((connector, name)) => {
            let handshake = async {
                let stream = connector.connect(name, tcp).await;
                stream.map_err(|error| tls::handshake_error(&error, &endpoint))
            };
            Transport::Tls(Box::new(within(limits.tls, "the TLS handshake", &endpoint, handshake).await?))
        }
        None => Transport::Plain(tcp),
    };
    let upgraded = upgrade(&mut transport, &endpoint, &credentials);
    let first_frames = within(limits.upgrade, "the WebSocket upgrade", &endpoint, upgraded).await?;
    let stream = Filtered::new(transport, first_frames);
    let config = websocket_config(&limits);
    // Not `from_partially_read`: its buffer would keep the size of those first bytes for good, and every later frame
    // would cost two reads of the socket.
    Ok(TokioLink::new(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await))
}

fn websocket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer)
        .write_buffer_size(limits.write_buffer.min(usize::MAX - 1))
        // tungstenite panics unless it is larger.
        .max_write_buffer_size(limits.max_write_buffer.max(limits.write_buffer.saturating_add(1)))
        .max_message_size(Some(limits.max_message_size))
        .max_frame_size(Some(limits.max_frame_size))
}

/// One stage of the dial; `what` took too long when its limit runs out.
async fn within<T>(
    limit: Duration,
    what: &str,
    endpoint: &Endpoint,
    stage: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout(limit, stage).await.unwrap_or_else(|_| {
        let peer = endpoint.host_and_port();
        let detail = format!("{what} with {peer} did not end within {limit:?}: is the gateway busy, or stuck?");
        Err(ConnectError::new(ConnectErrorKind::TimedOut, detail))
    })
}

/// A TCP connection to the first of the host's addresses that takes one.
async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<TcpStream, ConnectError> {
    let now = Instant::now();
    let deadline = now.checked_add(limit).unwrap_or(now + Duration::from_secs(365 * 24 * 3600));
    let peer = endpoint.host_and_port();
    let too_late = |doing: &str| {
        let detail = format!("{doing} {peer} took longer than {limit:?}: is the host up, and no firewall in between?");
        ConnectError::new(ConnectErrorKind::TimedOut, detail)
    };
    let addresses = match timeout_at(deadline, addresses(endpoint)).await {
        Ok(addresses) => addresses?,
        Err(_) => return Err(too_late("looking up")),
    };
    let (mut left, mut last_error) = (addresses.len(), None);
    for address in addresses {
        // An address that swallows everything must not eat the time of those behind it.
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        left -= 1;
        match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Small messages, and each of them wants an answer soon. Refused, it costs time only.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last_error = Some(error),
            Err(_) => {}
        }
    }
    Err(match last_error {
        Some(error) => ConnectError::new(
            ConnectErrorKind::Unreachable,
            format!("nothing answers at {peer} ({error}): is the gateway running, and the port right?"),
        ),
        None => too_late("connecting to"),
    })
}

/// The addresses of the host; for `localhost` those of this machine only, whatever the resolver says.
async fn addresses(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Some(address) = endpoint.ip() {
        return Ok(vec![SocketAddr::new(address, endpoint.port())]);
    }
    let host = endpoint.host();
    let reason = match tokio::net::lookup_host((host, endpoint.port())).await {
        Ok(found) => {
            let fits = |address: &SocketAddr| !endpoint.is_loopback() || address.ip().is_loopback();
            let addresses: Vec<_> = found.filter(fits).collect();
            if !addresses.is_empty() {
                return Ok(addresses);
            }
            String::from("no usable address")
        }
        Err(error) => error.to_string(),
    };
    let detail = format!("cannot look up {host} ({reason}): check the name and the network");
    Err(ConnectError::new(ConnectErrorKind::Unreachable, detail))
}

fn connector(endpoint: &Endpoint, trust: &Trust) -> Result<(TlsConnector, ServerName<'static>), ConnectError> {
    let config = trust.client_config(endpoint).map_err(|error| tls::trust_error(&error))?;
    let name = match endpoint.ip() {
        Some(address) => ServerName::from(address),
        None => ServerName::try_from(endpoint.host().to_owned()).map_err(|_| {
            let detail = format!("{} cannot be the name in a certificate: correct the address", endpoint.host());
            ConnectError::new(ConnectErrorKind::Trust, detail)
        })?,
    };
    Ok((TlsConnector::from(config), name))
}

/// Sends the request, reads the answer, and returns the bytes behind it.
async fn upgrade(
    transport: &mut Transport,
    endpoint: &Endpoint,
    credentials: &Credentials,
) -> Result<Vec<u8>, ConnectError> {
    let key = generate_key();
    let request = upgrade::request(endpoint, credentials, &key)
        .map_err(|error| ConnectError::new(ConnectErrorKind::Credentials, error.to_string()))?;
    let mut answer = Answer::new(endpoint, &derive_accept_key(key.as_bytes()));
    // Whoever refuses without reading may close under our request; its answer says more than the write error.
    let written = async {
        transport.write_all(&request).await?;
        transport.flush().await
    };
    let written = written.await;
    let mut chunk = vec![0; 4096];
    loop {
        match transport.read(&mut chunk).await {
            Ok(0) => return Err(answer.cut_off()),
            Ok(count) => {
                if let Some(first_frames) = answer.push(chunk.get(..count).unwrap_or_default())? {
                    return Ok(first_frames);
                }
            }
            Err(error) => return Err(broken_off(endpoint, written.err().unwrap_or(error))),
        }
    }
}

fn broken_off(endpoint: &Endpoint, error: io::Error) -> ConnectError {
    // Under TLS 1.3 a refusal can come after the handshake, as an alert.
    if error.get_ref().is_some_and(|inner| inner.is::<tokio_rustls::rustls::Error>()) {
        return tls::handshake_error(&error, endpoint);
    }
    let peer = endpoint.host_and_port();
    let detail = format!("{peer} broke the connection off during the WebSocket upgrade ({error}): check the port");
    ConnectError::new(ConnectErrorKind::Protocol, detail)
}
