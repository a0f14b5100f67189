//! The program `watch`: subscribes, and prints the events of the stream until it is stopped.
//!
//! One function serves every runtime. The example of an adapter passes a builder and a way to run a
//! future. Nothing else of the kit depends on this module, which has the feature `watch` and
//! dependencies of its own.

mod describe;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
mod json;
mod keeper;
mod options;
mod picture;
mod plain;
mod record;
mod secret;
mod stop;
mod terminal;
mod tickle;

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::io::{self, Write};
use std::process::ExitCode;

use ibws_proto::client::{Builder, Client, EventStream};
use ibws_proto::keeper::KeeperEvent;
use ibws_proto::line::Line;
use ibws_proto::transport::websocket::Net;
use ibws_proto::transport::{CookieForm, Credentials, Endpoint, Plaintext, Runtime};
use ibws_proto::{Account, CommandError, ConnectErrorKind, Item, Subscribe, queue::QueueLimits};

use crate::{GatewayConfig, Server, ServerConfig};
use options::Options;
use picture::Picture;
use record::Recorder;
use stop::Stop;

/// The limits of the event queue: larger than those of a usual program, because a terminal can be
/// paused.
const QUEUE: QueueLimits = QueueLimits { events: 262_144, bytes: 256 * 1024 * 1024 };
/// Dials after which `watch` ends if the gateway never accepted a connection.
const ATTEMPTS: u32 = 5;

/// Runs the program: reads the command line, prints events, and returns the exit code.
///
/// `run` gets a future and must run it to its end on a runtime of the adapter; `builder` is called
/// on that runtime.
pub fn watch<R, B, X>(builder: B, run: X) -> ExitCode
where
    R: Runtime + Net + Clone,
    B: FnOnce() -> Builder<R> + Send + 'static,
    X: FnOnce(core::pin::Pin<Box<dyn Future<Output = Result<(), String>>>>) -> Result<(), String>,
{
    let options = match Options::read() {
        Ok(options) => options,
        Err(ended) => return ended,
    };
    match run(Box::pin(async move { session(options, builder).await })) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            terminal::error(&message);
            ExitCode::FAILURE
        }
    }
}

async fn session<R: Runtime + Net + Clone>(
    options: Options,
    builder: impl FnOnce() -> Builder<R>,
) -> Result<(), String> {
    let stop = Stop::on_signals()?;
    if let Some(duration) = options.duration {
        stop::end_after(duration);
    }
    // Dropping the embedded gateway would end it, so it is kept until the end.
    let (builder, embedded) = configured(&options, builder())?;
    let recorder = options.record.as_deref().map(|path| Recorder::create(path, options.record_over)).transpose()?;
    let picture = options.timeline.as_deref().map(|path| Picture::create(path, options.record_over)).transpose()?;
    let client = builder.build().map_err(|error| error.to_string())?;
    let events = client.events_within(QUEUE);
    let subscribes = options.subscriptions();
    let output = Output {
        json: options.json,
        plain: plain::Screen::default(),
        recorder,
        picture,
        subscribes: subscribes.clone(),
        is_closed: false,
    };
    let result = run(client, events, subscribes, output, &stop, options.duration).await;
    drop(embedded);
    result
}

/// Applies the flags to the builder, and starts the embedded gateway if there is neither `--url`
/// nor `--gateway`.
fn configured<R: Runtime + Net + Clone>(
    options: &Options,
    builder: Builder<R>,
) -> Result<(Builder<R>, Option<Server>), String> {
    let mut builder = builder.total_queue_bytes(QUEUE.bytes).configure(|config| {
        config.max_connection_attempts = Some(ATTEMPTS);
        config.account = options.account.as_deref().map(Account::new);
    });
    if let Some(gateway) = &options.gateway {
        return Ok((keeper::apply(builder, gateway, options.trust.as_ref()), None));
    }
    let Some(url) = &options.url else {
        let mut config = GatewayConfig::seeded(1);
        if let Some(account) = &options.account {
            config.account.clone_from(account);
        }
        let server = Server::start(ServerConfig::tls(config)).map_err(|error| error.to_string())?;
        return Ok((builder.url(server.ws_url()).trust(server.trust()), Some(server)));
    };
    let endpoint = Endpoint::parse(url, Plaintext::OnLoopback).map_err(|error| error.to_string())?;
    builder = builder.url(url.clone()).plaintext_on_loopback().trust(options.trust.clone().unwrap_or_default());
    // The cookie for a local gateway holds JSON, the one for IBKR the bare session
    // (docs/protocol.md §1.2).
    let form = if endpoint.is_loopback() { CookieForm::Gateway } else { CookieForm::Direct };
    if let Some(tickle) = &options.tickle {
        builder = tickle::apply(builder, tickle, options.trust.clone().unwrap_or_default(), form);
    } else if let Some(session) = &options.session {
        builder = builder.credentials(Credentials::default().with_session(session.clone(), form));
    }
    Ok((builder, None))
}

/// The destination of the printed events.
struct Output {
    json: bool,
    plain: plain::Screen,
    recorder: Option<Recorder>,
    picture: Option<Picture>,
    subscribes: Vec<Subscribe>,
    /// The reader of standard output has closed it, so the program ends without an error.
    is_closed: bool,
}

impl Output {
    /// Prints an item that was taken from the queue of `client`.
    fn show<R: Runtime>(&mut self, item: &Item, client: &Client<R>) -> Result<(), String> {
        if let Some(recorder) = &mut self.recorder {
            recorder.record(item, &self.subscribes)?;
        }
        if let Some(picture) = &mut self.picture {
            picture.note(item);
        }
        let mut text = Vec::new();
        if self.json {
            let at = item.at().unwrap_or_else(|| client.now());
            json::write(item, client.system_time(at), &mut text)
        } else {
            self.plain.write(item, &mut text)
        }
        self.put(|stdout| stdout.write_all(&text))
    }

    fn show_keeper<R: Runtime>(&mut self, event: &KeeperEvent, client: &Client<R>) -> Result<(), String> {
        let mut text = Vec::new();
        if self.json {
            json::line(Line::from(event).with_system_time(client.system_time(event.at)), &mut text);
        } else {
            keeper::write(event, &self.plain.time(event.at), &mut text);
        }
        self.put(|stdout| stdout.write_all(&text))
    }

    fn flush(&mut self) -> Result<(), String> {
        self.put(|stdout| stdout.flush())
    }

    fn put(&mut self, write: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<()>) -> Result<(), String> {
        if self.is_closed {
            return Ok(());
        }
        match write(&mut io::stdout().lock()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_closed = true,
            other => other.map_err(|error| format!("standard output: {error}"))?,
        }
        Ok(())
    }
}

enum Next {
    Item(Option<Item>),
    Keeper(KeeperEvent),
    Started(Result<(), CommandError>),
    /// A subscription was rejected: another one of the same key has other arguments, or there are
    /// too many.
    Impossible(CommandError),
    Stop,
}

async fn run<R: Runtime>(
    client: Client<R>,
    mut events: EventStream<R>,
    subscribes: Vec<Subscribe>,
    mut output: Output,
    stop: &Stop,
    duration: Option<Duration>,
) -> Result<(), String> {
    // The events are read from `events`, so the subscriptions need no queues of their own.
    let subscribed = subscribes
        .into_iter()
        .map(|subscribe| client.subscribe_nowait(subscribe).expect("a valid request").into_guard());
    let mut subscriptions: Vec<_> = subscribed.collect();
    let mut keeper = client.keeper_events();
    let mut start = pin!(client.start());
    let mut starting = true;
    let mut timer = duration.map(|span| Box::pin(client.sleep(span)));
    let mut failure = None;
    loop {
        // Available items are printed before anything else is polled, and flushed before waiting.
        while !stop.is_requested()
            && let Some(item) = events.try_next()
        {
            output.show(&item, &client)?;
        }
        output.flush()?;
        if failure.is_some() || output.is_closed {
            break;
        }
        let next = poll_fn(|cx| {
            if stop.poll(cx) || timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(Next::Stop);
            }
            if starting && let Poll::Ready(result) = start.as_mut().poll(cx) {
                starting = false;
                return Poll::Ready(Next::Started(result));
            }
            for subscription in &mut subscriptions {
                if let Poll::Ready(Err(failure @ (CommandError::Conflict(_) | CommandError::Budget { .. }))) =
                    pin!(subscription.outcome()).poll(cx)
                {
                    return Poll::Ready(Next::Impossible(failure));
                }
            }
            if let Some(keeper) = &mut keeper
                && let Poll::Ready(Some(event)) = pin!(keeper.next()).poll(cx)
            {
                return Poll::Ready(Next::Keeper(event));
            }
            pin!(events.next()).poll(cx).map(Next::Item)
        })
        .await;
        match next {
            Next::Item(Some(item)) => output.show(&item, &client)?,
            Next::Keeper(event) => output.show_keeper(&event, &client)?,
            Next::Started(Ok(())) => {}
            Next::Started(Err(error)) => failure = Some(explain(&error)),
            Next::Impossible(error) => failure = Some(error.to_string()),
            Next::Item(None) | Next::Stop => break,
        }
    }
    finish(&client, events, &mut output).await?;
    drop(subscriptions);
    failure.map_or(Ok(()), Err)
}

/// Unsubscribes, closes, and prints the events that still arrive.
async fn finish<R: Runtime>(client: &Client<R>, mut events: EventStream<R>, output: &mut Output) -> Result<(), String> {
    let mut drain = pin!(client.drain());
    loop {
        let item = poll_fn(|cx| {
            if let Poll::Ready(item) = pin!(events.next()).poll(cx) {
                return Poll::Ready(item);
            }
            drain.as_mut().poll(cx).map(|_| None)
        })
        .await;
        let Some(item) = item else { break };
        output.show(&item, client)?;
    }
    output.picture.take().map_or(Ok(()), Picture::draw)?;
    output.flush()
}

/// Describes a failed start in one line and names the flag of `watch` that helps.
fn explain(failure: &CommandError) -> String {
    match failure {
        CommandError::AuthenticationRequired(error) => {
            format!("{error}; log in at the gateway's web page, or pass the session of /tickle with --session-file")
        }
        CommandError::GaveUp { last, .. } if last.kind == ConnectErrorKind::Trust => {
            let pin = last.certificate.as_ref().map(|certificate| {
                format!("; to pin it, pass --trust sha256:{}, or --trust pin:FILE", certificate.sha256)
            });
            format!("{last}{}", pin.unwrap_or_default())
        }
        CommandError::GaveUp { attempts: 1, last } => last.to_string(),
        CommandError::GaveUp { attempts, last } => format!("{last} (gave up after {attempts} attempts)"),
        other => other.to_string(),
    }
}
