//! `--gateway`: the address, and the states of the session keeper as lines.

use super::terminal::{Lines, TEXT, cut};
use ibws_proto::client::Builder;
use ibws_proto::keeper::{KeeperConfig, KeeperEvent};
use ibws_proto::transport::websocket::Net;
use ibws_proto::transport::{Endpoint, Plaintext, Runtime, Trust};

/// The port of a gateway without a port in its address.
const PORT: u16 = 5000;

/// Reads `HOST`, `HOST:PORT` or `[IPv6]:PORT`.
pub(super) fn address(text: &str) -> Result<Endpoint, String> {
    if text.contains(['/', '?', '#']) {
        return Err("write HOST:PORT without a scheme and without a path, such as localhost:5000".into());
    }
    let has_port = text.rsplit_once(':').is_some_and(|(host, port)| !port.contains(']') && !host.is_empty());
    let authority = if has_port { text.to_owned() } else { format!("{text}:{PORT}") };
    Endpoint::parse(&format!("wss://{authority}/v1/api/ws"), Plaintext::Refused).map_err(|error| error.to_string())
}

/// Points the builder to the gateway, with a keeper and the stock certificate unless there is
/// another trust. Nothing limits the attempts: the keeper says what the program waits for.
pub(super) fn apply<R: Runtime + Net>(builder: Builder<R>, gateway: &Endpoint, trust: Option<&Trust>) -> Builder<R> {
    let builder = builder.host(gateway.host()).port(gateway.port()).keeper(KeeperConfig::default());
    let builder = builder.trust(trust.cloned().unwrap_or(Trust::StockCertificate));
    builder.configure(|config| config.max_connection_attempts = None)
}

/// Writes the line of a state of the keeper for a person, with the `time` of the state.
pub(super) fn write(event: &KeeperEvent, time: &str, out: &mut Vec<u8>) {
    let why = if event.why.is_empty() { String::new() } else { format!(": {}", event.why) };
    // The advice is what a person reads this line for, so a long reason does not cut it off.
    let advice = event.advice.as_ref().map_or(String::new(), |advice| format!("; {advice}"));
    let shown = cut(&format!("session {}{why}", event.state), TEXT);
    Lines(out).line(format_args!("{time}  >> {shown}{advice}"));
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;
    use ibws_proto::Instant;
    use ibws_proto::keeper::Keeper;

    #[test]
    fn an_address_may_omit_its_port() {
        for (text, host, port) in [
            ("localhost", "localhost", 5000),
            ("localhost:5001", "localhost", 5001),
            ("127.0.0.1", "127.0.0.1", 5000),
            ("[::1]", "::1", 5000),
            ("[::1]:5001", "::1", 5001),
        ] {
            let endpoint = address(text).unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{text}");
        }
        for text in
            ["", ":5000", "localhost:", "localhost:0", "localhost:x", "::1", "wss://localhost", "u:p@host", "a b"]
        {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_state_of_the_keeper_is_one_line() {
        let keeper = Keeper::new(KeeperConfig::default(), Instant::ORIGIN);
        let mut event = keeper.state().clone();
        event.why = "POST /tickle: HTTP 401\nfor DU1234567".into();
        event.advice = Some("log in at https://localhost:5000".into());
        let (mut plain, mut json) = (Vec::new(), Vec::new());
        write(&event, "   0.000s", &mut plain);
        json::line(&event, &mut json);
        assert_eq!(
            String::from_utf8(plain).unwrap(),
            "   0.000s  >> session starting: POST /tickle: HTTP 401\\nfor DU…567; log in at https://localhost:5000\n"
        );
        let json = String::from_utf8(json).unwrap();
        assert_eq!(json.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"type": "keeper", "state": "starting", "outage_ms": 0,
                "why": "POST /tickle: HTTP 401\nfor DU1234567", "advice": "log in at https://localhost:5000",
                "at_ms": 0, "since_ms": 0, "next_try_ms": 0})
        );
    }
}
