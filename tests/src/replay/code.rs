//! Prints a run as a Rust test.

use core::fmt::Write as _;

use ibws_proto::{
    CloseCause, Command, Config, ConnectError, Input, Modify, Subscribe, SubscriptionKey, Unsubscribe,
    rest::{RestReply, RestSnapshot},
    subscribe::Args,
};

use super::{Step, Taken, Transcript};

impl Transcript {
    /// The code of a test with this name that repeats the run. It passes once the rule is kept.
    #[must_use]
    pub fn as_test(&self, name: &str) -> String {
        let start = self.start.as_nanos();
        let mut text = format!("#[test]\nfn {name}() {{\n    let at = Instant::from_nanos;\n");
        text.push_str(&settings(&self.config));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    let mut transcript = Transcript::new(config, at({start}));");
        for Taken { at, step, request, .. } in &self.taken {
            let at = at.as_nanos();
            let _ = match step {
                Step::Input(input) => writeln!(text, "    transcript.handle(at({at}), {}).unwrap();", of_input(input)),
                Step::Command(command) => {
                    let named = request.filter(|id| self.names(*id)).map(|id| format!("let ({id}, _) = "));
                    let named = named.unwrap_or_default();
                    writeln!(text, "    {named}transcript.submit(at({at}), {}).unwrap();", of_command(command))
                }
            };
        }
        text.push_str("    transcript.check_replays().unwrap();\n}\n");
        text
    }

    /// Returns `true` if a later step names this request.
    fn names(&self, id: ibws_proto::RequestId) -> bool {
        let names =
            |step: &Step| matches!(step, Step::Command(Command::Release(of) | Command::Cancel(of)) if *of == id);
        self.taken.iter().any(|taken| names(&taken.step))
    }
}

/// The code of the settings that differ from the defaults.
fn settings(config: &Config) -> String {
    let (own, default) = (fields(&format!("{config:?}")), fields(&format!("{:?}", Config::default())));
    let mut text = String::from("    let config = Config {\n");
    for (name, value) in own.iter().filter(|field| !default.contains(field)) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "        {name}: {},", value_code(name, value));
    }
    text.push_str("        ..Config::default()\n    };\n");
    text
}

/// The names and values of a struct, parsed from its `Debug` output.
fn fields(debug: &str) -> Vec<(String, String)> {
    let inner = debug.split_once('{').map_or("", |(_, inner)| inner.trim_end_matches('}'));
    let mut depth = 0;
    let parts = inner.split(|c| {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    let pair = |part: &str| {
        let (name, value) = part.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    parts.filter_map(pair).collect()
}

/// The code of a value, made from its `Debug` output. Durations become constructor calls, and
/// variants get the type that their field is named after.
fn value_code(name: &str, value: &str) -> String {
    let is_token_char = |c: char| c.is_alphanumeric() || c == '.' || c == '_';
    let mut text = String::new();
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let token = rest.split(|c| !is_token_char(c)).next().unwrap_or_default();
        let taken = if token.is_empty() { &rest[..first.len_utf8()] } else { token };
        rest = &rest[taken.len()..];
        match nanos(token) {
            Some(nanos) => text.push_str(&span(nanos)),
            // `Debug` of an account hides its id; the generator uses only this one.
            None if token == "Account" => {
                text.push_str("Account::new(\"DU1234567\")");
                rest = rest.split_once(')').map_or("", |(_, rest)| rest);
            }
            None if first.is_uppercase() && !matches!(token, "Some" | "None") => {
                let owner = name.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect::<String>();
                text.push_str(&format!("{owner}::{token}"));
            }
            None => text.push_str(taken),
        }
    }
    text
}

fn span(nanos: u128) -> String {
    format!("Duration::from_nanos({nanos})")
}

/// Parses a duration such as `1.5s` into nanoseconds.
fn nanos(token: &str) -> Option<u128> {
    let unit = token.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let scale = match unit {
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "µs" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    let number = token.strip_suffix(unit)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = u32::try_from(part.len()).ok()?;
    let part = if part.is_empty() { 0 } else { part.parse::<u128>().ok()? * scale / 10_u128.pow(digits) };
    Some(whole.parse::<u128>().ok()? * scale + part)
}

fn text(text: &str) -> String {
    if text.contains('"') && !text.contains("\"#") && text.chars().all(|c| !c.is_control()) {
        format!("r#\"{text}\"#")
    } else {
        format!("{text:?}")
    }
}

fn bytes(raw: &[u8]) -> String {
    match core::str::from_utf8(raw) {
        Ok(good) => text(good),
        Err(_) => format!("&b\"{}\"[..]", raw.escape_ascii()),
    }
}

fn sub(key: &SubscriptionKey) -> String {
    format!("sub({:?})", key.as_str())
}

fn error(error: &ConnectError) -> String {
    let made = format!("ConnectError::new(ConnectErrorKind::{:?}, \"\")", error.kind);
    match error.retry_after {
        Some(after) => {
            format!("ConnectError {{ retry_after: Some({}), ..{made} }}", span(after.as_nanos()))
        }
        None => made,
    }
}

fn close_cause(cause: &CloseCause) -> String {
    match cause {
        CloseCause::Failed(why) => format!("CloseCause::Failed({}.into())", text(why)),
        CloseCause::Protocol(why) => format!("CloseCause::Protocol({}.into())", text(why)),
        CloseCause::Tls(why) => format!("CloseCause::Tls({}.into())", text(why)),
        // Their `Debug` is code already.
        other => format!("CloseCause::{other:?}"),
    }
}

fn of_input(input: &Input) -> String {
    let conn = |conn: &ibws_proto::ConnId| format!("ConnId({})", conn.0);
    match input {
        Input::Tick => "Input::Tick".into(),
        Input::Frame(id, raw) => format!("Input::Frame({}, {}.into())", conn(id), bytes(raw)),
        Input::ConnectFailed(id, failed) => format!("Input::ConnectFailed({}, {})", conn(id), error(failed)),
        Input::RestDone(id, Ok(reply)) => {
            format!("Input::RestDone(RestRequestId({}), Ok({}))", id.0, rest_reply(reply))
        }
        Input::RestDone(id, Err(error)) => {
            format!("Input::RestDone(RestRequestId({}), Err(RestError::new({})))", id.0, text(&error.reason))
        }
        Input::Closed(id, cause) => format!("Input::Closed({}, {})", conn(id), close_cause(cause)),
        Input::Session(id, update) => format!("Input::Session({}, SessionUpdate::{update:?})", conn(id)),
        // The `Debug` output of the other variants is code already.
        other => format!("Input::{other:?}"),
    }
}

fn rest_reply(reply: &RestReply) -> String {
    match reply {
        RestReply::Snapshot(RestSnapshot { orders, executions }) => {
            let executions = executions.as_ref().map_or("None".into(), |body| format!("Some({}.into())", bytes(body)));
            let orders = bytes(orders);
            format!("RestReply::Snapshot(RestSnapshot {{ orders: {orders}.into(), executions: {executions} }})")
        }
        other => format!("RestReply::{other:?}"),
    }
}

fn of_args(given: Option<&Args>) -> String {
    given.map_or("None".into(), |given| format!("Some(args({}))", text(given.as_str())))
}

fn of_command(command: &Command) -> String {
    match command {
        Command::Subscribe(subscribe) => {
            let Subscribe { key, args: given, needs_confirmation, staleness, .. } = subscribe;
            let made = format!("Subscribe::new({}).args({})", sub(key), of_args(given.as_ref()));
            let mut own = needs_confirmation.map(|_| format!("needs_confirmation: {needs_confirmation:?}, "));
            if *staleness != Subscribe::new(key.clone()).staleness {
                let limit = value_code("staleness", &format!("{staleness:?}"));
                own = Some(format!("{}staleness: {limit}, ", own.unwrap_or_default()));
            }
            match own {
                Some(own) => format!("Command::Subscribe(Subscribe {{ {own}..{made} }})"),
                None => format!("Command::Subscribe({made})"),
            }
        }
        Command::Unsubscribe(Unsubscribe { key, needs_confirmation, .. }) => {
            let made = format!("Unsubscribe::new({}).needs_confirmation({needs_confirmation})", sub(key));
            format!("Command::Unsubscribe({made})")
        }
        Command::Release(of) => format!("Command::Release({of})"),
        Command::Cancel(of) => format!("Command::Cancel({of})"),
        Command::SendText(own) => format!("Command::SendText({}.into())", text(own)),
        Command::Modify(Modify { key, args: given, needs_confirmation, staleness, active, apply_now, .. }) => {
            let given = given.as_ref().map_or("None".into(), |given| format!("Some({})", of_args(given.as_ref())));
            let limit = value_code("staleness", &format!("{staleness:?}"));
            format!(
                "Command::Modify(Modify {{ args: {given}, needs_confirmation: {needs_confirmation:?}, staleness: {limit}, \
                 active: {active:?}, apply_now: {apply_now}, ..Modify::new({}) }})",
                sub(key)
            )
        }
        Command::Invalidate(key) => {
            format!("Command::Invalidate({})", key.as_ref().map_or("None".into(), |key| format!("Some({})", sub(key))))
        }
        // The `Debug` output of the other variants is code already.
        other => format!("Command::{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn settings_are_code() {
        assert_eq!(value_code("first_tic", "Some(1.5s)"), format!("Some({})", span(1_500_000_000)));
        assert_eq!(value_code("ready_gate", "Wait(700ms)"), format!("ReadyGate::Wait({})", span(700_000_000)));
        assert_eq!(value_code("account", "Some(Account(…))"), "Some(Account::new(\"DU1234567\"))");
        assert_eq!(value_code("ready_gate", "Strict"), "ReadyGate::Strict");
        assert_eq!(value_code("auth_wait", "1.000000001s"), span(1_000_000_001));
        assert_eq!(value_code("auth_wait", "12.345µs"), span(12_345));
        assert_eq!((value_code("seed", "17"), value_code("restart_on_close", "false")), ("17".into(), "false".into()));
        let config = Config { max_lines: 3, auth_wait: Duration::from_millis(20), ..Config::default() };
        let lines = ["    let config = Config {", "        auth_wait: Duration::from_nanos(20000000),"];
        let text = settings(&config);
        assert!(lines.iter().all(|line| text.lines().any(|own| own == *line)), "{text}");
        assert_eq!(text.lines().count(), 5);
    }
}
