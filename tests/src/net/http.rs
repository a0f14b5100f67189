//! As much HTTP/1.1 as the gateway needs: heads and bodies with a limit, JSON replies.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use tungstenite::handshake::derive_accept_key;

use super::wire::Wire;
use crate::gateway::RestReply;

/// Longest head of a request; a longer one ends the connection.
const MAX_HEAD: usize = 16 * 1024;
/// Longest body of a request; a longer one ends the connection.
const MAX_BODY: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;
/// Time from the first to the last byte of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle timeout of a kept-alive connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The parts of a request's head that the gateway uses.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) cookie: String,
    pub(super) body: Vec<u8>,
    closes: bool,
    length: usize,
    is_chunked: bool,
    upgrades_to_websocket: bool,
    version: String,
    key: String,
}

/// Reads one request with its body; returns `None` if the peer closed. `buffer` holds bytes that
/// were read already and keeps those that follow.
pub(super) fn read(wire: &mut Wire, buffer: &mut Vec<u8>) -> io::Result<Option<Head>> {
    let mut deadline = Instant::now() + if buffer.is_empty() { IDLE_TIMEOUT } else { HEAD_TIMEOUT };
    let mut head = loop {
        if let Some((head, length)) = parse(buffer)? {
            buffer.drain(..length);
            break head;
        }
        if buffer.len() >= MAX_HEAD {
            refuse(wire, 431, "Request Header Fields Too Large")?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        let was_empty = buffer.is_empty();
        if !more(wire, buffer, deadline)? {
            return Ok(None);
        }
        if was_empty {
            deadline = Instant::now() + HEAD_TIMEOUT;
        }
    };
    if head.is_chunked || head.length > MAX_BODY {
        refuse(wire, 413, "Content Too Large")?;
        return Ok(None);
    }
    while buffer.len() < head.length {
        if !more(wire, buffer, deadline)? {
            return Ok(None);
        }
    }
    head.body = buffer.drain(..head.length).collect();
    Ok(Some(head))
}

fn more(wire: &mut Wire, buffer: &mut Vec<u8>, deadline: Instant) -> io::Result<bool> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    if remaining.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    wire.set_patience(remaining)?;
    let mut chunk = [0; 4096];
    let count = wire.read(&mut chunk)?;
    buffer.extend_from_slice(&chunk[..count]);
    Ok(count > 0)
}

fn parse(buffer: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let status = request.parse(buffer).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(length) = status else { return Ok(None) };
    let target = request.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        closes: request.version == Some(0),
        ..Head::default()
    };
    let mut upgrades = (false, false);
    for header in request.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        let has = |token: &str| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token));
        match header.name.to_ascii_lowercase().as_str() {
            "connection" => {
                head.closes |= has("close");
                upgrades.0 |= has("upgrade");
            }
            "upgrade" => upgrades.1 |= has("websocket"),
            "sec-websocket-version" => head.version = value.trim().to_owned(),
            "sec-websocket-key" => head.key = value.trim().to_owned(),
            "cookie" => head.cookie = value.into_owned(),
            "content-length" => head.length = value.trim().parse().unwrap_or(usize::MAX),
            "transfer-encoding" => head.is_chunked = true,
            _ => {}
        }
    }
    head.upgrades_to_websocket = upgrades == (true, true);
    Ok(Some((head, length)))
}

impl Head {
    /// Returns `true` if the request is for the path of the WebSocket.
    pub(super) fn is_for_socket(&self) -> bool {
        self.path == "/v1/api/ws"
    }

    /// The response that makes this connection a WebSocket, or the status that refuses it. The
    /// response has three headers in lower case, as measured (docs/protocol.md §1.7).
    pub(super) fn upgrade(&self) -> Result<String, (u16, &'static str)> {
        if self.method != "GET" || !self.upgrades_to_websocket {
            return Err((426, "Upgrade Required"));
        }
        if self.version != "13" || self.key.is_empty() {
            return Err((400, "Bad Request"));
        }
        let accept = derive_accept_key(self.key.as_bytes());
        Ok(format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        ))
    }

    /// Returns `true` if the connection ends after the reply to this request.
    pub(super) const fn closes(&self) -> bool {
        self.closes
    }
}

/// Writes `reply`.
pub(super) fn write(wire: &mut Wire, reply: &RestReply, closes: bool) -> io::Result<()> {
    let reason = match reply.status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    };
    let cookie = reply.set_cookie.as_ref().map(|cookie| format!("Set-Cookie: {cookie}\r\n")).unwrap_or_default();
    let connection = if closes { "close" } else { "keep-alive" };
    let kind = if reply.body.starts_with(['{', '[']) { "application/json" } else { "text/plain" };
    let text = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{cookie}Connection: {connection}\r\n\r\n{}",
        reply.status,
        reply.body.len(),
        reply.body
    );
    wire.write_all(text.as_bytes())?;
    wire.flush()
}

/// Writes a refusal without a body, after which the connection ends.
pub(super) fn refuse(wire: &mut Wire, status: u16, reason: &str) -> io::Result<()> {
    let upgrade = if status == 426 { "Upgrade: websocket\r\n" } else { "" };
    let text = format!("HTTP/1.1 {status} {reason}\r\n{upgrade}Content-Length: 0\r\nConnection: close\r\n\r\n");
    wire.write_all(text.as_bytes())?;
    wire.flush()
}
