//! Which certificate a gateway may have, by the words after the program's name: `pin FILE` accepts
//! exactly the one in the file, and shows the one that is presented if there is no such file yet;
//! `ca FILE` accepts those of your authority; `sha256 HEX` the one with this fingerprint; none the
//! certificate that IBKR ships, from this machine only. `own_rustls` changes the configuration of
//! rustls itself. With a real gateway that has a certificate of its own, run `cargo run
//! -p ibws-tokio --example own_tls -- pin gateway.pem`. With the simulated one, run first
//! `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem` in another terminal.
#![expect(clippy::print_stdout, reason = "it prints what is trusted")]

use ibws_tokio::{Builder, CommandError, Trust};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let builder = ibws_tokio::local_gateway().from_env()?;
    let client = with_trust(builder, &words)?.build()?;
    match client.start().await {
        Ok(()) => println!("the certificate is trusted, and the gateway has greeted the client"),
        Err(CommandError::GaveUp { last, .. }) => {
            println!("{last}");
            if let Some(certificate) = &last.certificate {
                // Compare this with what the machine of the gateway shows, for example by
                //   openssl x509 -in gateway.pem -noout -fingerprint -sha256
                println!("the certificate that was presented has the SHA-256 {}", certificate.sha256);
                // Only once a person approves: certificate.save("gateway.pem")?, and build again.
            }
            return Ok(());
        }
        Err(other) => return Err(other.into()),
    }
    Ok(client.drain().await?)
}

fn with_trust(builder: Builder, words: &[String]) -> Result<Builder, Box<dyn std::error::Error>> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    Ok(match words[..] {
        ["pin", file] => builder.pin_file(file),
        ["ca", file] => builder.trust(Trust::from_ca_file(file)?),
        ["sha256", hex] => builder.trust(Trust::ExactSha256(hex.parse()?)),
        [] => builder,
        _ => return Err("expected pin FILE, ca FILE or sha256 HEX".into()),
    })
}
