//! Stories of the session keeper without a gateway: replies that the simulated gateway does not
//! make, prompts, and random replies in random order.

use std::sync::Arc;

use bytes::Bytes;
use ibws_proto::Instant;
use ibws_proto::keeper::{
    Call, CallId, CallReply, Keeper, KeeperConfig, KeeperInput, KeeperOutput, KeeperState, Pacer, Ticket,
};
use ibws_proto::rest::{Prompt, RestError, RestReply, RestRequest, SessionNeed};
use ibws_testkit::Prng;
use ibws_testkit::world::{at, secs, sub};

/// A keeper without a world, whose session is authenticated.
struct Bare {
    keeper: Keeper,
    pacer: Pacer,
    now: Instant,
}

impl Bare {
    fn new(config: KeeperConfig) -> Self {
        let mut bare = Self { keeper: Keeper::new(config, at(0)), pacer: Pacer::default(), now: at(0) };
        bare.outputs();
        bare
    }

    fn settled(config: KeeperConfig) -> Self {
        let mut bare = Self::new(config);
        bare.reply(1, 200, r#"{"session":"5e55","iserver":{"authStatus":{"authenticated":true}}}"#);
        bare
    }

    fn outputs(&mut self) -> Vec<KeeperOutput> {
        std::iter::from_fn(|| self.keeper.poll(self.now, &mut self.pacer)).collect()
    }

    fn input(&mut self, input: KeeperInput) -> Vec<KeeperOutput> {
        self.keeper.handle(self.now, input);
        self.outputs()
    }

    fn reply(&mut self, id: u64, status: u16, body: &str) -> Vec<KeeperOutput> {
        let body = Bytes::from(body.to_owned());
        self.input(KeeperInput::Done(CallId(id), Ok(CallReply { status, retry_after: None, body })))
    }
}

fn prompt() -> RestRequest {
    // The fields of a prompt are the library's to make, so it comes through the machine.
    let mut world = ibws_testkit::world::settled(&[]);
    let frame = r#"{"topic":"ntf","args":[{"orderId":7,"reqId":"q1","text":"Sure?","options":["Yes","No"]}]}"#;
    world.gateway_delivers(&[frame]);
    let request = world.outputs_at().find_map(|(_, output)| match output {
        ibws_proto::Output::Action(ibws_proto::Action::Rest { request: request @ RestRequest::Prompt(_), .. }) => {
            Some(request.clone())
        }
        _ => None,
    });
    request.unwrap_or_else(|| panic!("no prompt:\n{}", world.timeline()))
}

#[test]
fn a_prompt_is_replied_to_by_the_application_only() {
    let serve = |bare: &mut Bare| bare.input(KeeperInput::Serve { ticket: Ticket(1), request: prompt() });
    let refused = serve(&mut Bare::settled(KeeperConfig::default()));
    let [KeeperOutput::Served { result: Err(RestError { reason, .. }), .. }] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("set KeeperConfig::prompts"), "{reason}");
    for (chosen, part) in [(None, "chose no reply"), (Some("Maybe"), "not one of its options")] {
        let prompts: ibws_proto::keeper::PromptReply = Arc::new(move |_: &Prompt| chosen.map(Into::into));
        let refused = serve(&mut Bare::settled(KeeperConfig { prompts: Some(prompts), ..KeeperConfig::default() }));
        assert!(format!("{refused:?}").contains(part) && refused.len() == 1, "{refused:?}");
    }
    let prompts: ibws_proto::keeper::PromptReply = Arc::new(|prompt: &Prompt| prompt.options.first().cloned());
    let mut bare = Bare::settled(KeeperConfig { prompts: Some(prompts), ..KeeperConfig::default() });
    let called = serve(&mut bare);
    let [KeeperOutput::Call { id: CallId(2), call }] = &called[..] else { panic!("{called:?}") };
    assert_eq!(call.body().as_deref(), Some(r#"{"orderId":7,"reqId":"q1","text":"Yes"}"#));
    let served = bare.reply(2, 200, r#"{"status":"ok"}"#);
    assert_eq!(served, [KeeperOutput::Served { ticket: Ticket(1), result: Ok(RestReply::Complete) }]);
}

#[test]
fn a_tickle_that_does_not_show_the_session_is_followed_by_a_look_at_it() {
    let mut bare = Bare::new(KeeperConfig::default());
    let outputs = bare.reply(1, 200, r#"{"session":"5e55","iserver":{"error":"no bridge"}}"#);
    let calls: Vec<_> = outputs.iter().filter(|output| matches!(output, KeeperOutput::Call { .. })).collect();
    assert_eq!(calls, [&KeeperOutput::Call { id: CallId(2), call: Call::AuthStatus }]);
    bare.reply(2, 200, r#"{"authenticated":true,"competing":false}"#);
    assert_eq!(bare.keeper.state().state, KeeperState::Authenticated);
}

#[test]
fn a_session_that_does_not_open_is_reported_after_30_s_and_retried() {
    let mut bare = Bare::new(KeeperConfig::default());
    bare.reply(1, 200, r#"{"session":"5e55","iserver":{"authStatus":{"authenticated":false}}}"#);
    let (mut inits, mut last) = (Vec::new(), 2);
    bare.reply(2, 200, r#"{"authenticated":false}"#);
    inits.push(bare.now);
    while bare.now < at(600_000) {
        bare.now = bare.keeper.poll_timeout().unwrap().max(bare.now);
        let outputs = bare.input(KeeperInput::Tick);
        for output in outputs {
            let KeeperOutput::Call { id, call } = output else { continue };
            last = last.max(id.0);
            let flags = r#"{"authenticated":false}"#;
            match call {
                Call::Tickle => {
                    drop(bare.reply(id.0, 200, &format!(r#"{{"session":"5e55","iserver":{{"authStatus":{flags}}}}}"#)))
                }
                call => {
                    if call.path().ends_with("init") {
                        inits.push(bare.now);
                    }
                    bare.reply(id.0, 200, flags);
                }
            }
        }
    }
    let state = bare.keeper.state();
    assert_eq!(state.outage_since, Some(at(0)));
    let pauses: Vec<_> = inits.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(pauses[0] >= secs(31) && pauses[0] <= secs(41), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= secs(100)) && pauses.len() >= 6, "{pauses:?}");
}

#[test]
fn more_than_64_requests_are_refused() {
    let mut bare = Bare::settled(KeeperConfig::default());
    let mut refused = 0;
    for ticket in 0..100 {
        let outputs = bare.input(KeeperInput::Serve { ticket: Ticket(ticket), request: RestRequest::Prime(sub("or")) });
        let is_refusal = |output: &KeeperOutput| matches!(output, KeeperOutput::Served { result: Err(error), .. } if error.reason.contains("64 requests"));
        refused += outputs.iter().filter(|output| is_refusal(output)).count();
    }
    assert_eq!(refused, 36);
}

/// Whatever a gateway replies and whenever: no panic, no call twice, and the keeper comes to rest
/// after each input.
#[test]
fn no_reply_and_no_order_of_inputs_upsets_a_keeper() {
    const BODIES: [&str; 12] = [
        "",
        "{}",
        "[]",
        "null",
        "no bridge",
        "Access Denied",
        r#"{"session":"5e55","iserver":{"authStatus":{"authenticated":true,"competing":true}}}"#,
        r#"{"session":"5e55","iserver":{"authStatus":{"authenticated":false,"competing":"true"}}}"#,
        r#"{"session":"other","iserver":{}}"#,
        r#"{"authenticated":false,"competing":false,"accounts":[],"orders":[],"snapshot":true}"#,
        r#"{"authenticated":true,"orders":[],"snapshot":false}"#,
        r#"{"session":"\ud800"#,
    ];
    for seed in 0..if cfg!(debug_assertions) { 200 } else { 2_000 } {
        let mut chance = Prng::part(seed, "any reply", 0);
        let mut bare = Bare::new(KeeperConfig { seed, ..KeeperConfig::default() });
        // The first tickle is pending.
        let mut last = 1_u64;
        for _ in 0..300 {
            let pause = chance.millis(0, *chance.clone().pick(&[0, 1_000, 70_000]));
            bare.now = bare.now + pause;
            let ticket = Ticket(chance.below(20));
            let input = match chance.below(12) {
                0 => KeeperInput::Serve { ticket, request: RestRequest::Session(SessionNeed::Missing) },
                1 => KeeperInput::Serve { ticket, request: RestRequest::Session(SessionNeed::Unauthenticated) },
                2 => KeeperInput::Serve { ticket, request: RestRequest::Prime(sub("or")) },
                3 => KeeperInput::Serve { ticket, request: RestRequest::Reconcile { key: sub("or"), since: at(9) } },
                4 => KeeperInput::SessionNeeded(ticket),
                5 => KeeperInput::Cancel(ticket),
                6 => KeeperInput::Stream { authenticated: chance.chance(1, 2) },
                7 => KeeperInput::Tick,
                _ => {
                    let status = *chance.pick(&[200, 200, 200, 204, 301, 400, 401, 403, 404, 429, 500, 0, 999]);
                    let body = Bytes::from_static(chance.pick(&BODIES).as_bytes());
                    let id = CallId((last + 1).saturating_sub(chance.below(4)));
                    KeeperInput::Done(id, Ok(CallReply { status, retry_after: Some(secs(chance.below(9_999))), body }))
                }
            };
            let outputs = bare.input(input);
            assert!(outputs.len() < 100, "seed {seed}: {outputs:?}");
            for output in &outputs {
                if let KeeperOutput::Call { id, call } = output {
                    assert_eq!((id.0, call), (last + 1, call), "seed {seed}");
                    assert!(!matches!(call, Call::Init { compete: true }));
                    last = id.0;
                }
            }
            assert!(bare.keeper.poll_timeout().is_none_or(|at| at > bare.now), "seed {seed}: it does not rest");
        }
    }
}
