//! The generator: a kind and a seed make a frame; the order of its keys is shuffled, as the wire's is not stable.

/// Account ids that the generator uses; no others occur.
const ACCOUNTS: [&str; 2] = ["DU1234567", "U12345678"];
const SYMBOLS: [&str; 5] = ["ZQXW", "ABLE", "BRAVO", "KITE", "OPAL"];

/// SplitMix64: enough for values, and the same everywhere.
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }

    fn conid(&mut self) -> u64 {
        100_000 + self.below(900_000)
    }

    fn price(&mut self) -> String {
        format!("{}.{:02}", 10 + self.below(900), self.below(100))
    }

    fn size(&mut self) -> String {
        let size = 1 + self.below(9_999);
        if size < 1_000 { format!("{size}") } else { format!("{},{:03}", size / 1_000, size % 1_000) }
    }

    fn millis(&mut self) -> u64 {
        1_800_000_000_000 + self.below(10_000_000_000)
    }

    fn float(&mut self) -> String {
        match self.below(4) {
            0 => "0.0".into(),
            1 => format!("{}.{:04}E{}", 1 + self.below(9), self.below(10_000), 2 + self.below(7)),
            2 => format!("-{}.{}", self.below(100_000), self.below(100)),
            _ => format!("{}.{:06}", self.below(100_000), self.below(1_000_000)),
        }
    }

    fn account(&mut self) -> &'static str {
        self.pick(&ACCOUNTS)
    }

    /// An object of these members, in some order.
    fn object(&mut self, members: Vec<(&str, String)>) -> String {
        let mut members = members;
        for at in (1..members.len()).rev() {
            let other = usize::try_from(self.below(at as u64 + 1)).unwrap_or(0);
            members.swap(at, other);
        }
        let members: Vec<String> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A JSON string.
fn text(value: impl AsRef<str>) -> String {
    serde_json::Value::from(value.as_ref()).to_string()
}

fn list(elements: &[String]) -> String {
    format!("[{}]", elements.join(","))
}

macro_rules! kinds {
    ($( $(#[$doc:meta])* $kind:ident => $variant:literal, )*) => {
        /// A shape of frame.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Kind { $( $(#[$doc])* $kind, )* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The variant of `Body` that it decodes to, as [`variant`](super::variant) names it.
            #[must_use]
            pub fn variant(self) -> &'static str {
                match self { $( Self::$kind => $variant, )* }
            }
        }
    };
}

kinds! {
    /// `smd` with all fields.
    SmdFull => "MarketData",
    /// `smd` with the fields that changed.
    SmdDelta => "MarketData",
    /// `smd` without conid and without any value.
    SmdEmpty => "MarketData",
    /// `smd` of a combo, marks before its prices.
    SmdCombo => "MarketData",
    /// `smd` of a contract that cannot be quoted.
    SmdUnquotable => "MarketData",
    /// `smd` with volume, its raw sibling, and a field of no table.
    SmdVolume => "MarketData",
    /// `smd` with numbers as numbers and a change in percent as a string.
    SmdNumbers => "MarketData",
    /// `smh` with bars.
    Smh => "History",
    /// `smh` with a numeric server id and no bars.
    SmhBare => "History",
    /// `sbd` as the older documentation has it.
    SbdNumbers => "Ladder",
    /// `sbd` as the newer documentation has it.
    SbdStrings => "Ladder",
    /// `sor` with a full row.
    SorFull => "Orders",
    /// `sor` with an identity row.
    SorIdentity => "Orders",
    /// `sor` with several changes.
    SorDeltas => "Orders",
    /// `sor` with bad rows among good ones.
    SorMixed => "Orders",
    /// `sor` with an object where the array belongs.
    SorObject => "Orders",
    /// `sor` without rows.
    SorBare => "Orders",
    /// `spl` of two accounts.
    Spl => "Pnl",
    /// `str`, the confirmation.
    StrEmpty => "Trades",
    /// `str` with commission.
    StrFull => "Trades",
    /// `str` without commission, conid a string.
    StrOld => "Trades",
    /// `ssd` with a topic.
    Ssd => "Summary",
    /// `ssd` without a topic, as documented.
    SsdBare => "Summary",
    /// `sld` with a full and a blank row.
    Sld => "Ledger",
    /// `system` with `success`.
    Greeting => "System",
    /// `system` with `hb`.
    Heartbeat => "System",
    /// `system` with neither.
    SystemOther => "System",
    /// `sts` with everything.
    StsFull => "Status",
    /// `sts` with a single key.
    StsPartial => "Status",
    /// `sts` with args of another kind, or none.
    StsOdd => "Status",
    /// `act` with everything.
    Act => "Accounts",
    /// `act` with a part.
    ActPartial => "Accounts",
    /// `ntf` with an array.
    NtfArray => "Notifications",
    /// `ntf` with an object.
    NtfObject => "Notifications",
    /// `blt` with an array.
    BltArray => "Bulletins",
    /// `blt` with an object.
    BltObject => "Bulletins",
    /// `error` with the bare topic of a channel.
    ErrorTopic => "Error",
    /// `error` without a topic.
    ErrorBare => "Error",
    /// The topic `error`.
    ErrorArgs => "Error",
    /// `tic`.
    Tic => "Tic",
    /// The end of a summary or ledger.
    UnsubscribedResult => "Unsubscribed",
    /// The end of a history.
    UnsubscribedMessage => "Unsubscribed",
    /// The session is wanted.
    Waiting => "WaitingForSession",
    /// Another message.
    Message => "Message",
    /// The bare text.
    Echo => "Echo",
    /// `shs+exercise`, the acknowledgement.
    ExerciseOpen => "Exercise",
    /// `shs+exercise` with contents.
    ExerciseContent => "Exercise",
    /// `inp+exercise` with a prompt.
    ExercisePrompt => "Exercise",
    /// A topic that nobody has heard of.
    UnknownTopic => "Unknown",
    /// No topic, or no object.
    UnknownShape => "Unknown",
}

/// A frame of this kind.
#[must_use]
pub fn frame(kind: Kind, seed: u64) -> String {
    let mut seed = Seed(seed ^ 0x1b_5e_ed);
    let s = &mut seed;
    match kind {
        Kind::SmdFull
        | Kind::SmdDelta
        | Kind::SmdEmpty
        | Kind::SmdCombo
        | Kind::SmdUnquotable
        | Kind::SmdVolume
        | Kind::SmdNumbers => market_data(kind, s),
        Kind::Smh | Kind::SmhBare => history(kind, s),
        Kind::SbdNumbers | Kind::SbdStrings => ladder(kind, s),
        Kind::SorFull | Kind::SorIdentity | Kind::SorDeltas | Kind::SorMixed | Kind::SorObject | Kind::SorBare => {
            orders(kind, s)
        }
        Kind::StrEmpty => s.object(vec![("topic", text("str")), ("args", "[]".into())]),
        Kind::StrFull | Kind::StrOld => {
            let row = execution(kind, s);
            s.object(vec![("topic", text("str")), ("args", list(&[row]))])
        }
        Kind::Spl | Kind::Ssd | Kind::SsdBare | Kind::Sld => account(kind, s),
        _ => other(kind, s),
    }
}

fn market_data(kind: Kind, s: &mut Seed) -> String {
    let conid = s.conid();
    if kind == Kind::SmdEmpty {
        let millis = s.millis();
        return s.object(vec![("_updated", millis.to_string()), ("topic", text(format!("smd+{conid}")))]);
    }
    let id = text(format!("q{}", 1 + s.below(99)));
    let combo = kind == Kind::SmdCombo;
    let target = if combo { format!("0;;;{conid}/1,{}/-1", conid + 7) } else { conid.to_string() };
    let mut members = vec![
        ("topic", text(format!("smd+{target}"))),
        ("conidEx", text(&target)),
        ("conid", conid.to_string()),
        ("_updated", s.millis().to_string()),
        ("server_id", id.clone()),
        ("6119", id),
    ];
    let mark = if combo { s.pick(&["C", "H"]) } else { "" };
    match kind {
        Kind::SmdFull | Kind::SmdCombo => members.extend([
            ("31", text(format!("{mark}{}", s.price()))),
            ("84", text(s.price())),
            ("86", text(s.price())),
            ("85", text(s.size())),
            ("88", text(s.size())),
            ("7059", text(s.size())),
            ("83", format!("-{}.{:02}", s.below(9), s.below(100))),
            ("6509", text(s.pick(&["R", "Z", "RB", "ZB", "RpB", "RPB", "DPB", "YP"]))),
            ("55", text(s.pick(&SYMBOLS))),
        ]),
        Kind::SmdDelta => {
            members.extend([("84", text(s.price())), ("88", text(s.size())), ("6508", text("&serviceID1=7"))])
        }
        Kind::SmdUnquotable => {
            members.extend([("55", text("-")), ("31", text("N/A")), ("84", text("")), ("86", "null".into())])
        }
        Kind::SmdVolume => members.extend([
            ("87", text(format!("{}.{}M", 1 + s.below(90), s.below(10)))),
            ("87_raw", format!("{}.{}E6", 1 + s.below(9), s.below(10))),
            ("999", text(s.price())),
            ("note", text("kept")),
        ]),
        _ => members.extend([("31", s.price()), ("84", s.price()), ("83", text(format!("+0.{:02}%", s.below(100))))]),
    }
    s.object(members)
}

fn history(kind: Kind, s: &mut Seed) -> String {
    let topic = text(format!("smh+{}", s.conid()));
    if kind == Kind::SmhBare {
        let id = s.below(900_000).to_string();
        return s.object(vec![("topic", topic), ("serverId", id), ("data", "[]".into()), ("points", "0".into())]);
    }
    let bars: Vec<String> = (0..1 + s.below(4))
        .map(|at| {
            let bar = vec![
                ("o", s.price()),
                ("c", s.price()),
                ("h", s.price()),
                ("l", s.price()),
                ("v", s.below(99_999).to_string()),
            ];
            let bar = bar.into_iter().chain([("t", (1_800_000_000_000 + at * 300_000).to_string())]).collect();
            s.object(bar)
        })
        .collect();
    let members = vec![
        ("topic", topic),
        ("serverId", text(s.below(900_000).to_string())),
        ("symbol", text(s.pick(&SYMBOLS))),
        ("text", text("ZQXW HOLDINGS")),
        ("priceFactor", "100".into()),
        ("startTime", text("20300102-18:00:00")),
        ("high", text(format!("{}/{}/65", s.below(99_999), s.below(99_999)))),
        ("low", text(format!("{}/{}/0", s.below(99_999), s.below(99_999)))),
        ("timePeriod", text("7200s")),
        ("barLength", "300".into()),
        ("mdAvailability", text("S")),
        ("mktDataDelay", "0".into()),
        ("outsideRth", "false".into()),
        ("volumeFactor", "1".into()),
        ("priceDisplayRule", "1".into()),
        ("priceDisplayValue", text("2")),
        ("negativeCapable", "false".into()),
        ("messageVersion", "2".into()),
        ("points", bars.len().to_string()),
        ("data", list(&bars)),
    ];
    s.object(members)
}

fn ladder(kind: Kind, s: &mut Seed) -> String {
    let strings = kind == Kind::SbdStrings;
    let topic = if strings { format!("sbd+{}+{}", s.account(), s.conid()) } else { "sbd".into() };
    let quoted = |value: String| if strings { text(value) } else { value };
    let rows: Vec<String> = (0..3 + s.below(3))
        .map(|at| {
            let price = if strings && at == 1 { format!("{} @ {}", 1 + s.below(500), s.price()) } else { s.price() };
            let size = quoted((1 + s.below(900)).to_string());
            let side = s.pick(&["ask", "bid"]);
            s.object(vec![
                ("row", at.to_string()),
                ("focus", u64::from(at == 0).to_string()),
                ("price", quoted(price)),
                (side, size),
            ])
        })
        .collect();
    s.object(vec![("topic", text(topic)), ("data", list(&rows))])
}

fn orders(kind: Kind, s: &mut Seed) -> String {
    let (acct, conid, order) = (text(s.account()), s.conid(), (70_000_000 + s.below(999_999)).to_string());
    let identity = |s: &mut Seed| {
        let row = vec![("acct", acct.clone()), ("conidex", text(conid.to_string())), ("conid", conid.to_string())];
        let rest = [("orderId", order.clone()), ("isEventTrading", text("0"))];
        s.object(row.into_iter().chain(rest).collect())
    };
    let delta = |s: &mut Seed, status: &str| {
        s.object(vec![
            ("acct", acct.clone()),
            ("orderId", order.clone()),
            ("status", text(status)),
            ("fgColor", text("#3399CC")),
        ])
    };
    let rows = match kind {
        Kind::SorFull => vec![full_order(s, &acct, conid, &order)],
        Kind::SorIdentity => vec![identity(s)],
        Kind::SorDeltas => ["PendingSubmit", "PreSubmitted", "Submitted"].map(|status| delta(s, status)).to_vec(),
        Kind::SorMixed => {
            let twice = format!("{{\"orderId\":{order},\"orderId\":{order}}}");
            vec!["null".into(), "1".into(), text("x"), "[]".into(), delta(s, "Filled"), twice]
        }
        Kind::SorObject => {
            let row = delta(s, "Cancelled");
            return s.object(vec![("topic", text("sor")), ("args", row)]);
        }
        _ => return s.object(vec![("topic", text("sor"))]),
    };
    s.object(vec![("topic", text("sor")), ("args", list(&rows))])
}

fn full_order(s: &mut Seed, acct: &str, conid: u64, order: &str) -> String {
    let symbol = s.pick(&SYMBOLS);
    let price = s.pick(&["string", "number", "none"]);
    let price = match price {
        "string" => text(s.price()),
        "number" => s.price(),
        _ => text(""),
    };
    let row = vec![
        ("acct", acct.to_owned()),
        ("account", acct.to_owned()),
        ("conidex", text(conid.to_string())),
        ("conid", conid.to_string()),
        ("orderId", order.to_owned()),
        ("cashCcy", text("USD")),
        ("sizeAndFills", text(s.pick(&["0/4", "3/1", "4"]))),
        ("orderDesc", text(format!("Buy 4 {symbol} Limit, Day"))),
        ("description1", text(symbol)),
        ("ticker", text(symbol)),
        ("secType", text("STK")),
        ("listingExchange", text("NYSE")),
        ("remainingQuantity", "4.0".into()),
        ("filledQuantity", "0.0".into()),
        ("totalSize", "4.0".into()),
        ("companyName", text("ZQXW \"HOLDINGS\"")),
        ("status", text(s.pick(&["Inactive", "Submitted", "PendingCancel", "Filled", "NeverHeardOf"]))),
        ("order_ccp_status", text("Submitted")),
        ("outsideRTH", "false".into()),
        ("origOrderType", text("LIMIT")),
        ("supportsTaxOpt", text("1")),
        ("lastExecutionTime", text("300102153045")),
        ("lastExecutionTime_r", s.millis().to_string()),
        ("orderType", text("Limit")),
        ("order_ref", text("own-ref")),
        ("avgPrice", text(s.price())),
        ("isEventTrading", text("0")),
        ("timeInForce", text("CLOSE")),
        ("price", price),
        ("side", text(s.pick(&["BUY", "SELL", "EXER"]))),
        ("bgColor", text("#000000")),
        ("fgColor", text("#00F000")),
        ("newInTheProtocol", "{\"a\":[1,{\"b\":null}]}".into()),
    ];
    s.object(row)
}

fn execution(kind: Kind, s: &mut Seed) -> String {
    let (account, conid, symbol) = (text(s.account()), s.conid(), s.pick(&SYMBOLS));
    let id = format!("{:08x}.{:08x}.01.01", s.below(0xffff_ffff), s.below(0xffff_ffff));
    let mut row = vec![
        ("execution_id", text(id)),
        ("symbol", text(symbol)),
        ("supports_tax_opt", text("1")),
        ("side", text(s.pick(&["B", "S"]))),
        ("order_description", text(format!("Bot 4 {symbol}"))),
        ("trade_time", text("20300102-15:30:45")),
        ("trade_time_r", s.millis().to_string()),
        ("size", format!("{}.{}", 1 + s.below(99), s.below(10))),
        ("price", text(s.price())),
        ("exchange", text("XNYS")),
        ("net_amount", s.float()),
        ("account", account.clone()),
        ("accountCode", account),
        ("company_name", text("ZQXW HOLDINGS")),
        ("sec_type", text("STK")),
        ("liquidation_trade", text("0")),
        ("order_id", (1_000_000_000_000 + s.below(999_999)).to_string()),
    ];
    if kind == Kind::StrFull {
        row.extend([
            ("commission", text("1.05")),
            ("conid", conid.to_string()),
            ("conidEx", text(format!("{conid}@XNYS"))),
        ]);
    } else {
        row.extend([
            ("conid", text(conid.to_string())),
            ("conidex", text(conid.to_string())),
            ("submitter", text("user12345")),
        ]);
    }
    s.object(row)
}

fn account(kind: Kind, s: &mut Seed) -> String {
    let stamp = (1_800_000_000 + s.below(9_999_999)).to_string();
    if kind == Kind::Spl {
        let row = |s: &mut Seed| {
            let row = vec![
                ("rowType", "1".into()),
                ("dpl", s.float()),
                ("nl", s.float()),
                ("upl", s.float()),
                ("el", s.float()),
            ];
            let rest = [("uel", s.float()), ("mv", s.float())];
            s.object(row.into_iter().chain(rest).collect())
        };
        let args = vec![("DU1234567.Core", row(s)), ("U12345678.Core", row(s))];
        let args = s.object(args);
        return s.object(vec![("topic", text("spl")), ("args", args)]);
    }
    if kind == Kind::Sld {
        let names = [
            "cashbalance",
            "cashBalanceFXSegment",
            "commodityMarketValue",
            "corporateBondsMarketValue",
            "dividends",
            "exchangeRate",
            "funds",
            "marketValue",
            "optionMarketValue",
            "interest",
            "issueOptionsMarketValue",
            "moneyFunds",
            "netLiquidationValue",
            "realizedPnl",
            "unrealizedPnl",
            "settledCash",
            "stockMarketValue",
            "tBillsMarketValue",
            "tBondsMarketValue",
            "warrantsMarketValue",
        ];
        let account = s.account();
        let mut row: Vec<_> = names.into_iter().map(|name| (name, s.float())).collect();
        row.extend([("key", text("LedgerListBASE")), ("secondKey", text("BASE")), ("acctCode", text(account))]);
        row.extend([("severity", "0".into()), ("timestamp", stamp.clone())]);
        let rows = [s.object(row), s.object(vec![("key", text("LedgerListEUR")), ("timestamp", stamp)])];
        return s.object(vec![("result", list(&rows)), ("topic", text(format!("sld+{account}")))]);
    }
    let money = vec![("key", text("ExcessLiquidity-S")), ("currency", text("USD")), ("monetaryValue", s.float())];
    let money = s.object(money.into_iter().chain([("severity", "0".into()), ("timestamp", stamp.clone())]).collect());
    let word = s.object(vec![("key", text("AccountType")), ("value", text("INDIVIDUAL")), ("timestamp", stamp)]);
    let mut members = vec![("result", list(&[money, word]))];
    if kind == Kind::Ssd {
        members.push(("topic", text(format!("ssd+{}", s.account()))));
    }
    s.object(members)
}

fn other(kind: Kind, s: &mut Seed) -> String {
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
