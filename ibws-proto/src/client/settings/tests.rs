use std::borrow::ToOwned;
use std::format;

use super::*;

/// Reads settings from these variables only.
fn from(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_variables(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

fn seconds(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count))
}

#[test]
fn each_variable_of_the_reference_sets_its_setting() {
    assert_eq!(from(&[]), Ok(Settings::default()));
    let text = |text: &str| Some(text.to_owned());
    for (name, value, expected) in [
        ("IBIND_ACCOUNT_ID", "DU1234567", Settings { account_id: text("DU1234567"), ..Settings::default() }),
        (
            "IBIND_WS_URL",
            "wss://localhost:5001/v1/api/ws",
            Settings { url: text("wss://localhost:5001/v1/api/ws"), ..Settings::default() },
        ),
        ("IBIND_CACERT", "/etc/ca.pem", Settings { cacert: text("/etc/ca.pem"), ..Settings::default() }),
        ("IBIND_WS_PING_INTERVAL", "45", Settings { ping_interval: seconds(45), ..Settings::default() }),
        ("IBIND_WS_MAX_PING_INTERVAL", "300", Settings { max_pong_age: seconds(300), ..Settings::default() }),
        ("IBIND_WS_TIMEOUT", " 5 ", Settings { timeout: seconds(5), ..Settings::default() }),
        ("IBIND_WS_SUBSCRIPTION_RETRIES", "7", Settings { subscription_retries: Some(7), ..Settings::default() }),
        (
            "IBIND_WS_SUBSCRIPTION_TIMEOUT",
            "2.5",
            Settings { subscription_timeout: Some(Duration::from_millis(2_500)), ..Settings::default() },
        ),
        ("IBIND_WS_LOG_RAW_MESSAGES", "True", Settings { log_raw_messages: Some(true), ..Settings::default() }),
        ("IBIND_WS_LOG_RAW_MESSAGES", "off", Settings { log_raw_messages: Some(false), ..Settings::default() }),
        ("IBIND_WS_TIMEOUT", "", Settings::default()),
        ("IBIND_CACERT", "", Settings::default()),
    ] {
        assert_eq!(from(&[(name, value)]), Ok(expected), "{name}={value}");
    }
}

#[test]
fn a_bad_variable_is_named_with_what_it_takes() {
    const SECONDS: &str = "takes a number of seconds above 0 and up to 1000000000, not ";
    for (name, value, text) in [
        (
            "IBIND_ACCOUNT_ID",
            "DU 1",
            "takes an account id of 2 to 16 letters and digits, such as DU1234567, not \"DU 1\"",
        ),
        (
            "IBIND_WS_URL",
            "https://localhost:5000",
            "takes an address such as wss://localhost:5000/v1/api/ws: the address",
        ),
        ("IBIND_WS_URL", "ws://gw.example/v1/api/ws", "ws:// is valid for loopback hosts only"),
        ("IBIND_CACERT", "False", "certificate checks cannot be switched off: pin the certificate of the gateway"),
        ("IBIND_CACERT", "0", "`Trust::ExactCert`"),
        ("IBIND_CACERT", "true", "takes the path of a PEM file with the authorities to trust, not \"true\""),
        ("IBIND_WS_PING_INTERVAL", "0", &format!("{SECONDS}\"0\"")),
        ("IBIND_WS_PING_INTERVAL", "-3", &format!("{SECONDS}\"-3\"")),
        ("IBIND_WS_MAX_PING_INTERVAL", "5m", &format!("{SECONDS}\"5m\"")),
        ("IBIND_WS_TIMEOUT", "nan", &format!("{SECONDS}\"nan\"")),
        ("IBIND_WS_TIMEOUT", "inf", &format!("{SECONDS}\"inf\"")),
        ("IBIND_WS_SUBSCRIPTION_TIMEOUT", "1e300", &format!("{SECONDS}\"1e300\"")),
        ("IBIND_WS_SUBSCRIPTION_RETRIES", "0", "takes a whole number from 1 to 4294967295, not \"0\""),
        ("IBIND_WS_SUBSCRIPTION_RETRIES", "2.0", "takes a whole number from 1 to 4294967295, not \"2.0\""),
        ("IBIND_WS_LOG_RAW_MESSAGES", "maybe", "takes true or false, not \"maybe\""),
    ] {
        let error = from(&[(name, value)]).expect_err(value).to_string();
        assert!(error.starts_with(&format!("{name} takes ")) && error.contains(text), "{name}={value}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf_8_is_a_bad_value() {
    use std::os::unix::ffi::OsStringExt as _;

    let bad = OsString::from_vec([0xff].into());
    let error = Settings::from_variables(|name| (name == "IBIND_CACERT").then(|| bad.clone())).unwrap_err();
    assert!(error.to_string().ends_with("to trust, not bytes that are not UTF-8"), "{error}");
}

#[test]
fn each_key_of_a_file_sets_its_setting_and_is_written_again() {
    let text = r#"{
        "account_id": "DU1234567", "url": "wss://localhost:5001/v1/api/ws", "host": "127.0.0.1", "port": 5001,
        "cacert": "ca.pem", "trust": "pin:gateway.pem", "ping_interval": 45, "max_pong_age": 300.0, "timeout": 7.5,
        "subscription_retries": 3, "subscription_timeout": 2, "log_raw_messages": true
    }"#;
    let settings = Settings::from_json(text).unwrap();
    let some = |text: &str| Some(text.to_owned());
    let expected = Settings {
        account_id: some("DU1234567"),
        url: some("wss://localhost:5001/v1/api/ws"),
        host: some("127.0.0.1"),
        port: Some(5001),
        cacert: some("ca.pem"),
        trust: some("pin:gateway.pem"),
        ping_interval: seconds(45),
        max_pong_age: seconds(300),
        timeout: Some(Duration::from_millis(7_500)),
        subscription_retries: Some(3),
        subscription_timeout: seconds(2),
        log_raw_messages: Some(true),
    };
    assert_eq!(settings, expected);
    let written: serde_json::Value = serde_json::from_str(&settings.to_json()).unwrap();
    let keys: Vec<_> = Setting::ALL.iter().map(|setting| setting.key()).collect();
    assert!(keys.iter().all(|key| written.get(key).is_some()), "{written}");
    assert_eq!(written["timeout"], serde_json::json!(7.5));
    assert_eq!(Settings::from_json(&settings.to_json()), Ok(expected));
    assert_eq!(Settings::from_json("{}"), Ok(Settings::default()));
    assert_eq!(Settings::from_json(r#"{"timeout":null}"#), Ok(Settings::default()));
    assert_eq!(Settings::default().to_json(), "{}");
}

#[test]
fn a_bad_key_or_value_of_a_file_is_named_with_what_it_takes() {
    for (text, expected) in [
        (r#"{"account_id": 5}"#, "account_id takes an account id"),
        (r#"{"url": "nonsense"}"#, "url takes an address such as wss://localhost:5000/v1/api/ws: the address has no"),
        (r#"{"url": 5}"#, "url takes an address such as wss://localhost:5000/v1/api/ws, not a number"),
        (r#"{"host": "a b"}"#, "host takes a name or an IP address, such as localhost, not \"a b\""),
        (r#"{"port": 0}"#, "port takes a whole number from 1 to 65535, not 0"),
        (r#"{"port": 65536}"#, "port takes a whole number from 1 to 65535, not 65536"),
        (
            r#"{"cacert": false}"#,
            "cacert takes the path of a PEM file with the authorities to trust; certificate checks",
        ),
        (r#"{"cacert": true}"#, "cacert takes the path of a PEM file with the authorities to trust, not true"),
        (r#"{"trust": "none"}"#, "trust takes webpki, stock, ca:FILE, pin:FILE or sha256:HEX, not \"none\""),
        (r#"{"trust": "pin:"}"#, "trust takes webpki"),
        (r#"{"trust": "sha256:12"}"#, "trust takes webpki"),
        (r#"{"ping_interval": -1}"#, "ping_interval takes a number of seconds above 0 and up to 1000000000, not -1"),
        (r#"{"max_pong_age": 1e99}"#, "max_pong_age takes a number of seconds"),
        (r#"{"timeout": [5]}"#, "timeout takes a number of seconds above 0 and up to 1000000000, not a list"),
        (r#"{"timeout": {"secs": 5}}"#, "not a table"),
        (r#"{"subscription_retries": 1.5}"#, "subscription_retries takes a whole number from 1 to 4294967295, not 1.5"),
        (r#"{"subscription_timeout": false}"#, "subscription_timeout takes a number of seconds"),
        (r#"{"log_raw_messages": 2}"#, "log_raw_messages takes true or false, not 2"),
        (
            r#"{"time_out": 5}"#,
            "time_out is no setting; the settings are: account_id, url, host, port, cacert, trust, ping",
        ),
        (r#"{"timeout": 5, "timeout": 6}"#, "timeout occurs twice"),
        ("[]", "expected a table of settings"),
        ("{", "EOF"),
    ] {
        let error = Settings::from_json(text).expect_err(text).to_string();
        assert!(error.starts_with("the settings cannot be read: ") && error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn an_error_that_a_main_returns_names_the_variable_and_what_it_takes() {
    let error = from(&[("IBIND_WS_URL", "https://localhost:5000")]).unwrap_err();
    let printed = format!("Error: {error:?}"); // as the standard library prints it
    assert!(printed.starts_with("Error: BadUrl: IBIND_WS_URL takes an address such as wss://"), "{printed}");
}

#[test]
fn no_error_and_no_debug_output_holds_a_token_or_an_account() {
    let url = "wss://localhost:5000/v1/api/ws?oauth_token=s3cr3t";
    let settings = from(&[("IBIND_WS_URL", url), ("IBIND_ACCOUNT_ID", "DU1234567")]).unwrap();
    let shown = format!("{settings:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("1234567") && shown.contains("oauth_token=***"), "{shown}");
    for url in ["wss://a b?token=s3cr3t", "https://localhost?token=s3cr3t", "wss://u:s3cr3t@localhost/"] {
        let error = from(&[("IBIND_WS_URL", url)]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }
    let error = from(&[("IBIND_ACCOUNT_ID", "DU1234567 and more")]).unwrap_err();
    assert!(!error.to_string().contains("DU1234567 and"), "{error}");
}
