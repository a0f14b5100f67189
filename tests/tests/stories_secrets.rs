//! Tests of what logs and errors contain: no token, no cookie, no account id, and no text that is
//! cut in the middle of a character. The brackets above a test name the public issues that it
//! covers.

use ibws_proto::{
    Account, Action, Command, CommandError, Config, Event, GapCause, Output, Subscribe, SubscriptionState,
    subscribe::Staleness, transport,
};
use ibws_testkit::world::{World, secs, sub};
use ibws_testkit::{GatewayConfig, Recovery};

const ACCOUNT: &str = "DU1234567";
const SESSION: &str = "00112233445566778899aabbccddeeff";

/// Returns every text that a person or a log sees of an error.
fn texts_of(error: &CommandError) -> String {
    format!("{error} {error:?}")
}

// [ibind, bezant]
#[test]
fn no_command_error_contains_an_account_id() {
    let key = || sub("sd+DU1234567");
    let reason: Box<str> = "x".into();
    for error in [
        CommandError::Unconfirmed { key: key(), attempts: 5 },
        CommandError::Refused { key: key(), reason },
        CommandError::Conflict(key()),
        CommandError::UnknownSubscription(key()),
        CommandError::Budget { key: sub("bd+DU1234567+265598"), limit: 1 },
        CommandError::ServerIdUnknown(key()),
    ] {
        let texts = texts_of(&error);
        assert!(!texts.contains(ACCOUNT) && texts.contains("DU…567"), "{texts}");
    }
    assert!(!format!("{:?}", Config { account: Some(Account::new(ACCOUNT)), ..Config::default() }).contains(ACCOUNT));
}

// [ibind, bezant]
#[test]
fn debug_output_of_every_output_contains_neither_session_nor_account() {
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
    let (mut checked, mut passed_on, mut received) = (0, false, false);
    for (_, output) in world.outputs_at() {
        let text = format!("{output:?}");
        assert!(!text.contains(ACCOUNT) && !text.contains(SESSION), "{text}");
        checked += 1;
        // What is passed on to the wire and to the application is unchanged.
        passed_on |= match output {
            Output::Action(Action::SendText { text, .. }) => text.contains(ACCOUNT),
            _ => false,
        };
        received |= match output {
            Output::Event(Event::Message(message)) => message.frame.text().contains(ACCOUNT),
            _ => false,
        };
    }
    assert!(passed_on && received, "texts that hold the account were written and received");
    assert!(checked > 30, "{checked}");
    let (_, reply) = world.reply(refused).unwrap();
    let error = reply.clone().unwrap_err();
    assert!(texts_of(&error).contains("DU…567"), "{error}");
    let state = format!("{:?}", world.machine());
    assert!(
        !state.contains(SESSION),
        "the debug output of the machine contains no session, because the machine never holds it"
    );
    assert_eq!(world.subscription_state("sd+DU1234567"), SubscriptionState::Active, "the tenth attempt succeeds");
}

// [ibind, bezant]
#[test]
fn long_gateway_texts_are_truncated_between_characters() {
    let mut world = World::new(Config::default(), GatewayConfig::default());
    world.gateway.refuse("spl", &"™".repeat(1_000), Some(1), Recovery::Never);
    world.settle(&["pl"]);
    let reason = world.gaps().iter().find_map(|gap| match &gap.cause {
        GapCause::Refused(reason) => Some(reason.clone()),
        _ => None,
    });
    let reported = world.events().find_map(|(_, event)| match event {
        Event::Subscription(event) => event.reason.clone(),
        _ => None,
    });
    assert_eq!(reported, Some(("™".repeat(200) + "…").into()));
    assert_eq!(reason, None, "a stream that never delivered data has no gap");
}

// [ibind, bezant]
#[test]
fn debug_output_of_secrets_and_credentials_contains_no_secret() {
    let secret = transport::Secret::new(SESSION).unwrap();
    let credentials = transport::Credentials::default().with_session(secret.clone(), transport::CookieForm::Direct);
    for text in [format!("{secret:?}"), format!("{credentials:?}")] {
        assert!(!text.contains(SESSION), "{text}");
    }
}
