//! TCP, TLS and the HTTP upgrade, each within its limit.

use ibws_proto::transport::dial::{connect, within};
use ibws_proto::transport::upgrade::{self, UpgradeResponse};
use ibws_proto::transport::{DialRequest, Limits, Runtime, tls};
use ibws_proto::{ConnectError, ConnectErrorKind};

use crate::WebSocket;
use crate::filtered::{TextFilterStream, YieldingStream};
use crate::io::rustls::pki_types::ServerName;
use crate::io::tungstenite::handshake::{client::generate_key, derive_accept_key};
use crate::io::tungstenite::protocol::{Role, WebSocketConfig};
use crate::io::{
    AsyncRead, AsyncWrite, Io, ReadExt as _, TcpStream, TlsConnector, WebSocketStream, WriteExt as _, look_up,
};

/// TCP to one of the host's addresses in order, TLS unless the endpoint is plaintext, the upgrade.
pub(crate) async fn dial<R: Runtime>(runtime: &R, request: &DialRequest) -> Result<WebSocket, ConnectError> {
    let DialRequest { endpoint, limits, .. } = request;
    // What is wrong on our side is told before anything goes out.
    let secure = secure(request)?;
    let tcp = connect(runtime, endpoint, limits.tcp, look_up, TcpStream::connect).await?;
    // Small messages, and each of them wants an answer soon. Refused, it costs time only.
    let _ = tcp.set_nodelay(true);
    upgraded(runtime, tcp, secure, request).await
}

/// Opens a WebSocket over a connection of your own, through a proxy say: TLS and the upgrade, as `request` says.
///
/// For a [`Runtime`] that dials in its own way. The limits run on the clock of `runtime`.
///
/// # Errors
/// [`ConnectError`], whose kind says what can be done and whose detail names the peer.
pub async fn open<R, S>(runtime: &R, stream: S, request: &DialRequest) -> Result<WebSocket, ConnectError>
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    upgraded(runtime, stream, secure(request)?, request).await
}

async fn upgraded<R: Runtime, S: Io + 'static>(
    runtime: &R,
    stream: S,
    secure: Option<(TlsConnector, ServerName<'static>)>,
    request: &DialRequest,
) -> Result<WebSocket, ConnectError> {
    let DialRequest { endpoint, limits, .. } = request;
    let stream = YieldingStream::new(stream);
    let mut stream: Box<dyn Io> = match secure {
        Some((connector, name)) => {
            let handshake = async {
                let stream = connector.connect(name, stream).await;
                stream.map_err(|error| tls::handshake_error(&error, endpoint))
            };
            Box::new(within(runtime, limits.tls, "the TLS handshake", endpoint, handshake).await?)
        }
        None => Box::new(stream),
    };
    let upgrade = upgrade(&mut stream, request);
    let first_frames = within(runtime, limits.upgrade, "the WebSocket upgrade", endpoint, upgrade).await?;
    // Not `from_partially_read`: its buffer would keep the size of those first bytes for good, and every later frame
    // would cost two reads of the socket.
    let stream = TextFilterStream::new(stream, first_frames);
    let config = Some(websocket_config(limits));
    Ok(WebSocket::new(WebSocketStream::from_raw_socket(stream, Role::Client, config).await))
}

fn secure(request: &DialRequest) -> Result<Option<(TlsConnector, ServerName<'static>)>, ConnectError> {
    let DialRequest { endpoint, trust, .. } = request;
    if !endpoint.is_tls() {
        return Ok(None);
    }
    let config = trust.client_config(endpoint).map_err(|error| tls::trust_error(&error))?;
    Ok(Some((TlsConnector::from(config), tls::server_name(endpoint)?)))
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

/// Sends the request, reads the answer, and returns the bytes behind it.
async fn upgrade(stream: &mut Box<dyn Io>, request: &DialRequest) -> Result<Vec<u8>, ConnectError> {
    let DialRequest { endpoint, credentials, .. } = request;
    let key = generate_key();
    let head = upgrade::request(endpoint, credentials, &key)
        .map_err(|error| ConnectError::new(ConnectErrorKind::Credentials, error.to_string()))?;
    let mut answer = UpgradeResponse::new(endpoint, &derive_accept_key(key.as_bytes()));
    // Whoever refuses without reading may close under our request; its answer says more than the write error.
    let written = async {
        stream.write_all(&head).await?;
        stream.flush().await
    };
    let written = written.await;
    let mut chunk = vec![0; 4096];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) => return Err(answer.cut_off()),
            Ok(count) => {
                if let Some(first_frames) = answer.push(chunk.get(..count).unwrap_or_default())? {
                    return Ok(first_frames);
                }
            }
            Err(error) => return Err(tls::upgrade_error(&written.err().unwrap_or(error), endpoint)),
        }
    }
}
