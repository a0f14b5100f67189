//! The server process: the kit's gateway, and a relay in front of it.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, thread};

use clap::Args;
use ibws_testkit::{GatewayConfig, Scenario, Server, ServerConfig};
use serde::{Deserialize, Serialize};

use super::pour::{Flood, Poured};
use super::relay::Relay;
use super::wire::{Wire, identity};

/// The settings of the server.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Frames of the flood; 0 for none.
    #[arg(long, default_value_t = 0)]
    pub messages: usize,
    /// Subscriptions that the flood waits for.
    #[arg(long, default_value_t = 1)]
    pub subscriptions: usize,
    /// Frames a second; as many as the client reads if not given.
    #[arg(long)]
    pub rate: Option<u64>,
    /// Use TLS, and write the certificate to this file.
    #[arg(long)]
    pub certificate: Option<PathBuf>,
}

/// The lines that the server prints, as JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It listens on this address.
    Listening(SocketAddr),
    /// It has written a flood.
    Poured(Poured),
}

/// Serves clients until the process is ended.
///
/// # Errors
///
/// If it cannot start.
pub fn run(options: &Options) -> io::Result<()> {
    // ibind tickles more often than the pacing of REST permits, and takes a Close of the gateway
    // for an error.
    let mut gateway = GatewayConfig::default().with_scenario(Scenario::Measured);
    gateway.paces_rest = false;
    let server = Arc::new(Server::start(ServerConfig::plain(gateway)).map_err(io::Error::other)?);
    let tls = match &options.certificate {
        None => None,
        Some(file) => {
            let (pem, config) = identity()?;
            fs::write(file, pem)?;
            Some(config)
        }
    };
    let flood = Flood { messages: options.messages, subscriptions: options.subscriptions, rate: options.rate };
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    report(Report::Listening(listener.local_addr()?))?;
    // Connections of the gateway are numbered from 1 in the order in which they are made.
    let connections = Arc::new(Mutex::new(0));
    for client in listener.incoming() {
        let (server, tls, connections) = (Arc::clone(&server), tls.clone(), Arc::clone(&connections));
        let client = client?;
        thread::spawn(move || -> io::Result<()> {
            let (conn, gateway) = {
                let mut last = connections.lock().unwrap_or_else(PoisonError::into_inner);
                *last += 1;
                (*last, TcpStream::connect(server.addr())?)
            };
            let relay = Relay { server: &server, conn, client: Wire::new(client, tls.as_ref())?, gateway, flood };
            // A client that ends within the flood is one that was stopped; its report is missing
            // then.
            relay.run(|poured| drop(report(Report::Poured(poured))))
        });
    }
    Ok(())
}

fn report(report: Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&report)?)?;
    out.flush()
}
