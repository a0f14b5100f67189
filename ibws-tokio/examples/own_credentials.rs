//! Quotes from `api.ibkr.com` with OAuth, without a gateway. The variable `IBKR_LOGIN_FILE` names a
//! file that the program of your login writes: the token of OAuth 2.0 on one line, or for OAuth
//! 1.0a the access token and, on the second line, the session of its `/tickle`. That program also
//! keeps the session alive. Run `IBKR_LOGIN_FILE=login cargo run -p ibws-tokio --example
//! own_credentials`; no real gateway is needed. With a simulated one, run `cargo run
//! -p ibws-testkit --features gateway -- --certificate gateway.pem` in another terminal, and put
//! `IBIND_CACERT=gateway.pem IBIND_WS_URL=wss://localhost:5000/v1/api/ws` before the command.
#![expect(clippy::print_stdout, reason = "it prints quotes")]

use std::io;

use ibws_tokio::proto::transport::{BearerForm, CookieForm, CredentialsFuture, Endpoint, Plaintext, Secret};
use ibws_tokio::{ConnectError, ConnectErrorKind, Credentials, Field, Settings, subscribe::MarketData};

const DIRECT: &str = "wss://api.ibkr.com/v1/api/ws";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::from_env()?;
    let endpoint = Endpoint::parse(settings.url.as_deref().unwrap_or(DIRECT), Plaintext::Refused)?;
    let file = std::env::var("IBKR_LOGIN_FILE").map_err(|_| "IBKR_LOGIN_FILE names the file of the login")?;
    // It is called for each dial, because a token of this morning is of no use after a night.
    let provider = move || -> CredentialsFuture {
        let (file, endpoint) = (file.clone(), endpoint.clone());
        Box::pin(async move {
            let failed = |error: io::Error| ConnectError::new(ConnectErrorKind::Credentials, error.to_string());
            credentials(&file, &endpoint).map_err(failed)
        })
    };
    let client = ibws_tokio::builder().url(DIRECT).settings(&settings)?.credentials(provider).build()?;
    client.start().await?;
    let mut apple = client.subscribe(MarketData::new(265598).fields([Field::LAST])).await?;
    for _ in 0..5 {
        println!("{:?}", apple.next().await);
    }
    Ok(client.drain().await?)
}

/// Reads the login. What is secret is in no `Debug` and no error.
fn credentials(file: &str, endpoint: &Endpoint) -> io::Result<Credentials> {
    let text = std::fs::read_to_string(file)?;
    let secret = |line: Option<&str>| Secret::new(line.unwrap_or_default().trim()).map_err(io::Error::other);
    let mut lines = text.lines();
    let token = secret(lines.next())?;
    let credentials = match lines.next() {
        None => Credentials::default().with_oauth2(token, BearerForm::default()),
        line => Credentials::default().with_oauth1(token).with_session(secret(line)?, CookieForm::Direct),
    };
    Ok(credentials.only_for(endpoint)) // a mistyped address never receives them
}
