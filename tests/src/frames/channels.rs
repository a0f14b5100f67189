//! Frames of the channels.

use super::make::{Kind, SYMBOLS, Seed, list, text};

pub(super) fn market_data(kind: Kind, s: &mut Seed) -> String {
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

pub(super) fn history(kind: Kind, s: &mut Seed) -> String {
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

pub(super) fn ladder(kind: Kind, s: &mut Seed) -> String {
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

pub(super) fn orders(kind: Kind, s: &mut Seed) -> String {
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

pub(super) fn execution(kind: Kind, s: &mut Seed) -> String {
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

pub(super) fn account(kind: Kind, s: &mut Seed) -> String {
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
    let kind_row = s.object(vec![("key", text("AccountType")), ("value", text("INDIVIDUAL")), ("timestamp", stamp)]);
    let mut members = vec![("result", list(&[money, kind_row]))];
    if kind == Kind::Ssd {
        members.push(("topic", text(format!("ssd+{}", s.account()))));
    }
    s.object(members)
}
