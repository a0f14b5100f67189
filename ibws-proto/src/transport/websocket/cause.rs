//! Converts errors of the WebSocket library to the cause of an end.

use std::io;
use std::string::ToString;

use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError};

use crate::CloseCause;
use crate::mask::excerpt;

/// Returns the cause that `error` states. `close_code` is the code of the peer's Close, if one has
/// arrived.
pub(super) fn cause_of(error: &Error, close_code: Option<u16>) -> CloseCause {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            CloseCause::TooLarge { limit: bytes(*max_size), size: bytes(*size) }
        }
        // Text frames arrive as binary ones, so only the reason of a Close is checked. The Close
        // is one all the same.
        Error::Utf8(_) => CloseCause::Close(close_code),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseCause::Eof,
        Error::Protocol(violation) => CloseCause::Protocol(excerpt(&violation.to_string())),
        Error::Io(error) => io_cause(error),
        Error::Tls(error) => CloseCause::Tls(excerpt(&error.to_string())),
        other => CloseCause::Failed(excerpt(&other.to_string())),
    }
}

fn io_cause(error: &io::Error) -> CloseCause {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return CloseCause::Tls(excerpt(&error.to_string()));
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            CloseCause::Reset
        }
        // TLS reports an end without its own close alert in this way.
        io::ErrorKind::UnexpectedEof => CloseCause::Eof,
        _ => CloseCause::Failed(excerpt(&error.to_string())),
    }
}

/// Returns a number of bytes in the width that the core uses.
pub(super) fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tungstenite::protocol::frame::coding::Data;

    use super::*;

    #[test]
    fn each_error_has_the_cause_that_it_states() {
        let io = |kind: io::ErrorKind| Error::Io(kind.into());
        let too_long = CapacityError::MessageTooLong { size: 12, max_size: 10 };
        for (error, cause) in [
            (Error::Capacity(too_long), CloseCause::TooLarge { limit: 10, size: 12 }),
            (Error::Utf8("invalid".into()), CloseCause::Close(Some(1000))),
            (Error::ConnectionClosed, CloseCause::Eof),
            (Error::Protocol(ProtocolError::ResetWithoutClosingHandshake), CloseCause::Eof),
            (
                Error::Protocol(ProtocolError::ExpectedFragment(Data::Binary)),
                CloseCause::Protocol("While waiting for more fragments received: BINARY".into()),
            ),
            (io(io::ErrorKind::ConnectionReset), CloseCause::Reset),
            (io(io::ErrorKind::BrokenPipe), CloseCause::Reset),
            (io(io::ErrorKind::UnexpectedEof), CloseCause::Eof),
            (io(io::ErrorKind::NetworkUnreachable), CloseCause::Failed("network unreachable".into())),
            (
                Error::Io(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError)),
                CloseCause::Tls("cannot decrypt peer's message".into()),
            ),
        ] {
            let text = error.to_string();
            assert_eq!(cause_of(&error, Some(1000)), cause, "{text}");
        }
    }
}
