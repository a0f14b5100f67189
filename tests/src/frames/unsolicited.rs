//! Unsolicited frames, and odd ones.

use super::make::{Kind, Seed, list, text};

pub(super) fn other(kind: Kind, s: &mut Seed) -> String {
    let topic = |name: &str, args: String| vec![("topic", text(name)), ("args", args)];
    let members = match kind {
        Kind::Greeting => vec![
            ("topic", text("system")),
            ("success", text("user12345")),
            ("isFT", "false".into()),
            ("isPaper", "true".into()),
        ],
        Kind::Heartbeat => vec![("topic", text("system")), ("hb", s.millis().to_string())],
        Kind::SystemOther => vec![("topic", text("system")), ("msg", text("ready"))],
        Kind::StsFull => {
            let args =
                vec![("connected", "true".into()), ("authenticated", "true".into()), ("established", "true".into())];
            let rest = [
                ("competing", "false".into()),
                ("message", text("")),
                ("fail", text("")),
                ("serverName", text("Own0001")),
            ];
            let args = args
                .into_iter()
                .chain(rest)
                .chain([("serverVersion", text("Build 1.2")), ("username", text("user12345"))]);
            let args = s.object(args.collect());
            topic("sts", args)
        }
        Kind::StsPartial => {
            let key = s.pick(&["authenticated", "competing", "connected"]);
            let args = format!("{{\"{key}\":{}}}", s.pick(&["true", "false", "\"false\""]));
            topic("sts", args)
        }
        Kind::StsOdd => match s.below(3) {
            0 => vec![("topic", text("sts"))],
            1 => topic("sts", text("not an object")),
            _ => topic("sts", "[true]".into()),
        },
        Kind::Act => {
            let account = s.account();
            let props = format!("{{\"{account}\":{{\"isProp\":false,\"autoFx\":true,\"own\":1}}}}");
            let args = vec![
                ("accounts", list(&[text(account)])),
                ("acctProps", props),
                ("aliases", format!("{{\"{account}\":\"mine\"}}")),
            ];
            let features =
                "{\"showGFIS\":true,\"snapshotRefreshTimeout\":30,\"allowedAssetTypes\":\"STK,OPT\",\"own\":[]}";
            let rest = [
                ("allowFeatures", features.into()),
                ("chartPeriods", "{\"STK\":[\"*\"],\"OPT\":[\"2h\",\"1d\"]}".into()),
            ];
            let last = [
                ("groups", "[]".into()),
                ("profiles", "[]".into()),
                ("selectedAccount", text(account)),
                ("sessionId", text("00aa.00bb")),
            ];
            let info = [
                ("serverInfo", "{\"serverName\":\"Own0001\",\"serverVersion\":\"Build 1.2\"}".into()),
                ("isFT", "false".into()),
            ];
            let args = s.object(args.into_iter().chain(rest).chain(last).chain(info).collect());
            topic("act", args)
        }
        Kind::ActPartial => {
            topic("act", format!("{{\"isPaper\":{}}}", s.pick(&["true", "\"true\"", "1", "\"maybe\""])))
        }
        Kind::NtfArray => {
            let notice = s.object(vec![
                ("id", text("7")),
                ("text", text("a\nb")),
                ("title", "null".into()),
                ("url", "null".into()),
            ]);
            let prompt =
                vec![("orderId", s.below(999_999).to_string()), ("reqId", text("31")), ("dismissable", "[]".into())];
            let rest = [("text", text("Sure?")), ("options", list(&[text("Yes"), text("No")])), ("type", text("M"))];
            let last = [("messageId", text("p1")), ("prompt", "true".into())];
            let prompt = s.object(prompt.into_iter().chain(rest).chain(last).collect());
            topic("ntf", list(&[notice, prompt]))
        }
        Kind::NtfObject => {
            let args = s.object(vec![
                ("id", text("OWN")),
                ("text", text("t")),
                ("title", text("Warning")),
                ("url", text("/x")),
            ]);
            topic("ntf", args)
        }
        Kind::BltArray => {
            let id = s.below(999_999).to_string();
            let row = s.object(vec![("id", id), ("exchanges", "null".into()), ("message", text("one\ntwo"))]);
            topic("blt", list(&[row.clone(), row]))
        }
        Kind::BltObject => topic("blt", "{\"id\":\"B-1\",\"message\":\"m\"}".into()),
        Kind::ErrorTopic => {
            let name = s.pick(&["smd", "sor", "system"]);
            vec![("error", text("own error")), ("code", "500".into()), ("topic", text(name))]
        }
        Kind::ErrorBare => vec![("error", text("Topic unknown")), ("code", "1".into())],
        Kind::ErrorArgs => topic("error", "{\"why\":\"x\"}".into()),
        Kind::Tic => {
            let millis = s.millis().to_string();
            vec![
                ("topic", text("tic")),
                ("alive", "true".into()),
                ("id", text("00112233445566778899aabbccddeeff")),
                ("lastAccessed", millis),
            ]
        }
        Kind::UnsubscribedResult => {
            vec![("result", text(s.pick(&["unsubscribed from summary", "unsubscribed from ledger"])))]
        }
        Kind::UnsubscribedMessage => vec![("message", text(format!("Unsubscribed {}", s.below(99_999))))],
        Kind::Waiting => vec![("message", text("waiting for session"))],
        Kind::Message => vec![("message", text("own message")), ("detail", "[1]".into())],
        Kind::Echo => return "ech+hb".into(),
        Kind::ExerciseOpen => vec![("topic", text("shs+exercise"))],
        Kind::ExerciseContent | Kind::ExercisePrompt => {
            let prompt = kind == Kind::ExercisePrompt;
            let actions = "[{\"id\":\"submit\",\"text\":\"Submit\"},{\"id\":\"cancel\",\"text\":\"Cancel\"}]";
            let actions = (if prompt { "user_actions" } else { "user_action" }, actions.to_owned());
            let data = s.object(vec![actions, ("id", "5".into()), ("own", "null".into())]);
            let (name, action) = if prompt { ("inp+exercise", "prompt") } else { ("shs+exercise", "content") };
            vec![("topic", text(name)), ("action", text(action)), ("MID", text("14")), ("data", data)]
        }
        Kind::UnknownTopic => {
            vec![("topic", text(s.pick(&["xyz+1", "actOWN", "spd"]))), ("data", "[{\"a\":1}]".into())]
        }
        _ => {
            return s
                .pick(&["[]", "null", "{}", "{\"topic\":5}", "{\"a\":{\"b\":[]}}", "7", "\"x\"", "[{\"a\":1}]"])
                .to_owned();
        }
    };
    s.object(members)
}
