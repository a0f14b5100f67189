//! The picture of a run in the documents is drawn from the events of a story in virtual time, and
//! drawings of every other run are well formed and readable.
//!
//! `IBWS_BLESS=1 cargo test -p ibws-testkit --test timeline` draws the picture again.

use std::path::Path;

use ibws_proto::{
    Config, Event, Instant, Item, Key,
    queue::{EventFilter, QueueLimits, Queues},
};
use ibws_testkit::timeline::Timeline;
use ibws_testkit::world::{Dial, QUOTES, World, at, secs};
use ibws_testkit::{GatewayConfig, OrderSide};

/// The picture of the documents.
const PICTURE: &str = "../ibws-proto/docs/timeline.svg";
/// The account, whose id no drawing may show.
const ACCOUNT: &str = "DU1234567";

/// Ten minutes with the three troubles that a program meets most: a line that is cut, a login
/// elsewhere, and a line that is silent.
fn ten_minutes() -> World {
    let mut world = World::new(Config { ping_interval: None, ..Config::default() }, GatewayConfig::default());
    world.settle(&[QUOTES, "or", r#"tr+{"days":1}"#, "pl"]);
    world.run(secs(85));

    world.link.dials = [Dial::refused(), Dial::refused(), Dial::refused()].into();
    world.cut();
    let order = world.gateway.place_order(265_598, OrderSide::Buy, 3, 18_000).expect("an order");
    world.run(secs(1));
    assert!(world.gateway.fill_order(order, 3, 18_000));
    world.run(secs(119));

    world.gateway.set_competing(true);
    world.gateway.set_authenticated(false);
    world.flush_gateway();
    world.run(secs(50));
    world.gateway.set_competing(false);
    world.gateway.set_authenticated(true);
    world.flush_gateway();
    world.run(secs(140));

    world.freeze();
    world.run(secs(200));
    world
}

fn drawn(world: &World) -> String {
    let mut timeline: Timeline = world.events().collect();
    timeline.pass(world.now());
    timeline.to_svg()
}

#[test]
fn the_picture_of_the_documents_is_drawn_from_a_run() {
    let svg = drawn(&ten_minutes());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PICTURE);
    if std::env::var("IBWS_BLESS").is_ok_and(|bless| bless == "1") {
        std::fs::write(&path, &svg).expect("the picture can be written");
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(recorded == svg, "{PICTURE} differs from the run; IBWS_BLESS=1 draws it");
}

#[test]
fn the_run_of_the_picture_has_each_trouble_and_its_end() {
    let world = ten_minutes();
    let svg = drawn(&world);
    for text in [
        "the connection ended without a close",
        "another login competes",
        "the other login no longer competes",
        "nothing was received for too long",
        "or is caught up: ",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(world.gaps().len(), world.resumptions().len(), "each gap has ended");
    // Profit and loss goes on without the brokerage session: its gap is that of the dial.
    let during_login = |key: &str| {
        let of = |end: &&&ibws_proto::Resumed| end.key.as_str() == key && end.at > at(210_000) && end.at < at(300_000);
        let ends = world.resumptions();
        let [end] = ends.iter().filter(of).collect::<Vec<_>>()[..] else { panic!("{key}: {ends:?}") };
        end.at.since(end.since)
    };
    assert!(during_login("pl") < secs(2) && during_login("md+265598") >= secs(50));
    let bars = svg.matches("<title>gap for ").count();
    assert_eq!(bars, world.gaps().len(), "each gap is drawn");
}

/// The value of an attribute of an element.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

fn number(element: &str, name: &str) -> f64 {
    attribute(element, name).unwrap_or_else(|| panic!("{name} of {element}")).parse().expect("a number")
}

/// The area of each text: where it begins and ends in both directions, with its content.
fn texts(svg: &str) -> Vec<(f64, f64, f64, f64, &str)> {
    let elements = svg.lines().filter(|line| line.starts_with("<text "));
    elements
        .map(|element| {
            let content = element.split_once('>').unwrap().1.strip_suffix("</text>").unwrap();
            let size = if attribute(element, "class") == Some("name") { 12.0 } else { 11.0 };
            let width = 0.5 * size * content.chars().count() as f64;
            let (x, y) = (number(element, "x"), number(element, "y"));
            let begin = match attribute(element, "text-anchor").unwrap() {
                "start" => x,
                "middle" => x - width / 2.0,
                _ => x - width,
            };
            (begin, begin + width, y - 0.7 * size, y, content)
        })
        .collect()
}

/// Checks what holds for every drawing: elements are closed, no line is empty, texts lie within the
/// page and apart from each other, and no account is shown.
fn check(svg: &str) {
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.lines().all(|line| !line.trim().is_empty()), "an empty line ends the picture in Markdown");
    assert!(!svg.contains(ACCOUNT) && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    for name in ["svg", "g", "text", "rect", "title", "style", "defs", "pattern"] {
        let opened = svg.matches(&format!("<{name}>")).count() + svg.matches(&format!("<{name} ")).count();
        assert_eq!(opened, svg.matches(&format!("</{name}>")).count(), "{name}");
    }
    let page = svg.lines().next().unwrap();
    let (width, height) = (number(page, "width"), number(page, "height"));
    let texts = texts(svg);
    for (place, (begin, end, top, bottom, content)) in texts.iter().enumerate() {
        assert!(*begin >= 0.0 && *end <= width && *top >= 0.0 && *bottom <= height, "{content} is off the page");
        for (other_begin, other_end, other_top, other_bottom, other) in &texts[place + 1..] {
            let apart = end <= other_begin || other_end <= begin || bottom <= other_top || other_bottom <= top;
            assert!(apart, "{content} overlaps {other}");
        }
    }
    for rect in svg.lines().filter(|line| line.starts_with("<rect ")) {
        let (x, width_of) = (number(rect, "x"), number(rect, "width"));
        assert!(x >= 0.0 && width_of > 0.0 && x + width_of <= width, "{rect}");
    }
}

#[test]
fn drawings_are_readable_whatever_the_run_and_its_length() {
    check(&drawn(&ten_minutes()));
    check(&Timeline::new().to_svg());
    let account = format!("sd+{ACCOUNT}");
    let keys = [QUOTES, "or", "pl", &account, "mh+265598", r#"md+0;;;265598/1,272093/-1+{"fields":["31"]}"#];
    for (length, outages) in [(1, 0), (40, 3), (1_800, 90), (10_000, 30)] {
        let mut gateway = GatewayConfig::default();
        gateway.pace = 60;
        let mut world = World::new(Config::default(), gateway);
        world.settle(&keys);
        for outage in 0..outages {
            world.run(secs(length / outages));
            match outage % 3 {
                0 => world.cut(),
                1 => world.close(1_000),
                _ => world.gateway_sends("{\"topic\":\"sts\",\"args\":{\"competing\":true}}"),
            }
        }
        world.run(secs(length));
        let svg = drawn(&world);
        check(&svg);
        assert!(svg.len() < 1_000_000, "{} bytes for {length} s", svg.len());
    }
}

#[test]
fn what_a_slow_consumer_loses_is_marked() {
    let world = ten_minutes();
    let mut queues = Queues::default();
    let id = queues.open(EventFilter::All, QueueLimits { events: 8, ..QueueLimits::default() });
    for (_, event) in world.events() {
        queues.deliver(event.clone(), |_, _| {});
    }
    let mut timeline = Timeline::new();
    let queue = queues.get_mut(id).expect("the queue");
    let mut lost = 0;
    while let Some(item) = queue.pop() {
        lost += u32::from(matches!(item, Item::Lost(_)));
        timeline.push_item(&item);
    }
    assert!(lost > 0);
    let svg = timeline.to_svg();
    assert!(svg.contains(&format!("the consumer is too slow for {}: ", Key::Pnl.name())), "{svg}");
    check(&svg);
}

#[test]
fn a_timeline_of_very_many_messages_stays_small() {
    let mut world = World::new(Config::default(), GatewayConfig::default());
    world.settle(&["pl"]);
    world.run(secs(30));
    let message = world.messages().find(|message| message.subscription.is_some()).expect("a message").clone();
    let mut timeline = Timeline::new();
    for n in 0..200_000_u64 {
        let mut message = message.clone();
        message.at = Instant::from_millis(n * n % 977 + n * 1_000);
        timeline.push(message.at, &Event::Message(message));
    }
    let svg = timeline.to_svg();
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
    check(&svg);
}
