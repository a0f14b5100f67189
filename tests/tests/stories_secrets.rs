//! What logs and errors show: no token, no cookie, no account, and no cut in the middle of a character. In brackets: where
//! users were bitten.

use ibws_proto::{
    Account, Action, Command, CommandError, Config, Event, GapCause, Output, Staleness, Subscribe, SubscriptionState,
    transport,
};
use ibws_testkit::world::{World, secs, sub};
use ibws_testkit::{GatewayConfig, Recovery};

const ACCOUNT: &str = "DU1234567";
const SESSION: &str = "00112233445566778899aabbccddeeff";

/// All that a person or a log may be shown of a failure.
fn shown(failure: &CommandError) -> String {
    format!("{failure} {failure:?}")
}

// A41 [ibind, bezant]
#[test]
fn no_failure_shows_an_account() {
    let key = || sub("sd+DU1234567");
    let reason: Box<str> = "x".into();
    for failure in [
        CommandError::Unconfirmed { key: key(), attempts: 5 },
        CommandError::Refused { key: key(), reason },
        CommandError::Conflict(key()),
        CommandError::UnknownSubscription(key()),
        CommandError::Budget { key: sub("bd+DU1234567+265598"), limit: 1 },
        CommandError::ServerIdUnknown(key()),
    ] {
        let shown = shown(&failure);
        assert!(!shown.contains(ACCOUNT) && shown.contains("DU…567"), "{shown}");
    }
    assert!(!format!("{:?}", Config { account: Some(Account::new(ACCOUNT)), ..Config::default() }).contains(ACCOUNT));
}

// A41 [ibind, bezant]
#[test]
fn what_a_whole_life_tells_shows_neither_session_nor_account_beside_the_frames_and_the_wire() {
    let config = Config { account: Some(Account::new(ACCOUNT)), ..Config::default() };
    let mut gateway = GatewayConfig::default();
    gateway.waiting_for_session = true;
    gateway.session = Some(SESSION.into());
    let mut world = World::new(config, gateway);
    (world.link.session, world.link.authorised) = (Some(SESSION.into()), false);
    world.gateway.refuse("ssd", "no permission for DU1234567 in this session", Some(9), Recovery::Never);
    world.submit(Command::Subscribe(Subscribe::new(sub("ld+DU1234567")).staleness(Staleness::After(secs(3)))));
    let refused = world.subscribe("sd+DU1234567");
    world.settle(&["bd+DU1234567+265598", "or"]);
    world.run(secs(60));
    world.cut();
    world.run(secs(60));
    let mut told = 0;
    for (_, output) in world.outputs_at() {
        match output {
            // The wire itself, and the frames as they came.
            Output::Action(Action::SendText { .. }) | Output::Event(Event::Message(_) | Event::Malformed(_)) => {}
            output => {
                let text = format!("{output:?}");
                assert!(!text.contains(ACCOUNT) && !text.contains(SESSION), "{text}");
                told += 1;
            }
        }
    }
    assert!(told > 30, "{told}");
    let (_, answer) = world.reply(refused).unwrap();
    let failure = answer.clone().unwrap_err();
    assert!(shown(&failure).contains("DU…567"), "{failure}");
    let state = format!("{:?}", world.machine());
    assert!(!state.contains(SESSION), "nothing of the machine shows the session: it never has it");
    assert_eq!(world.subscription_state("sd+DU1234567"), SubscriptionState::Active, "after nine refusals");
}

// A41 [ibind, bezant]
#[test]
fn long_words_of_the_gateway_are_cut_between_characters() {
    let mut world = World::new(Config::default(), GatewayConfig::default());
    world.gateway.refuse("spl", &"™".repeat(1_000), Some(1), Recovery::Never);
    world.settle(&["pl"]);
    let reason = world.gaps().iter().find_map(|gap| match &gap.cause {
        GapCause::Refused(reason) => Some(reason.clone()),
        _ => None,
    });
    let told = world.events().find_map(|(_, event)| match event {
        Event::Subscription(event) => event.reason.clone(),
        _ => None,
    });
    assert_eq!(told, Some("™".repeat(200).into()));
    assert_eq!(reason, None, "a stream that never flowed has no gap");
}

// A41 [ibind, bezant]
#[test]
fn secrets_and_what_holds_them_show_nothing() {
    let secret = transport::Secret::new(SESSION).unwrap();
    let credentials = transport::Credentials::default().with_session(secret.clone(), transport::CookieForm::Direct);
    for text in [format!("{secret:?}"), format!("{credentials:?}")] {
        assert!(!text.contains(SESSION), "{text}");
    }
}
