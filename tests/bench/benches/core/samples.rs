//! The frames that are measured. Shapes and lengths are those of the wire, values are invented.

/// A frame, and what the machine is subscribed to in order to receive it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    /// The subscription that the frame belongs to; `None` if the gateway sends it unsolicited.
    pub(crate) subscription: Option<&'static str>,
    pub(crate) text: &'static str,
}

/// Every kind of frame that is measured, in the order of the tables.
pub(crate) const SAMPLES: [Sample; 10] = [
    Sample { name: "smd full", subscription: Some("md+700123"), text: SMD_FULL },
    Sample { name: "smd delta", subscription: Some("md+700123"), text: SMD_DELTA },
    Sample { name: "str", subscription: Some("tr"), text: STR },
    Sample { name: "sor", subscription: Some("or"), text: SOR },
    Sample { name: "sld", subscription: Some("ld+DU1234567"), text: SLD },
    Sample { name: "smh", subscription: Some("mh+700123+{}"), text: SMH },
    Sample { name: "sbd", subscription: Some("bd+DU1234567+700123"), text: SBD },
    Sample { name: "sts", subscription: None, text: STS },
    Sample { name: "tic", subscription: None, text: TIC },
    Sample { name: "system hb", subscription: None, text: HEARTBEAT },
];

/// The frame of the first aim: 16 members in 266 bytes.
const SMD_FULL: &str = r#"{"6509":"RpB","conidEx":"700123","topic":"smd+700123","conid":700123,"_updated":1790000000123,"6119":"q17","83":-0.47,"server_id":"q17","84":"101.25","31":"101.27","86":"101.29","85":"1,300","88":"1,700","7059":"100","7295":"100.85","6004":"NYSE,ARCA,BATS,IEX,MEMX"}"#;
const _: () = assert!(SMD_FULL.len() == 266, "the length of the aim");
const SMD_DELTA: &str = r#"{"server_id":"q17","conidEx":"700123","conid":700123,"_updated":1790000000623,"6119":"q17","84":"101.26","86":"101.31","88":"1,200","topic":"smd+700123"}"#;
const STR: &str = r#"{"topic":"str","args":[{"execution_id":"0000aaaa.70000001.01.01","symbol":"ZQXW","supports_tax_opt":"1","side":"B","order_description":"Bot 4 @ 101.27 on XNYS","trade_time":"20300102-15:30:45","trade_time_r":1893598245000,"size":4.0,"price":"101.27","exchange":"XNYS","commission":"1.05","net_amount":405.08,"account":"DU1234567","accountCode":"DU1234567","account_allocation_name":"DU1234567","company_name":"ZQXW HOLDINGS","contract_description_1":"ZQXW","sec_type":"STK","listing_exchange":"NYSE","conid":700123,"conidEx":"700123","position":"4","clearing_id":"IB","clearing_name":"IB","liquidation_trade":"0","is_event_trading":"0","order_id":70000001}]}"#;
const SOR: &str = r##"{"topic":"sor","args":[{"acct":"DU1234567","conidex":"700123","conid":700123,"account":"DU1234567","orderId":70000001,"cashCcy":"USD","sizeAndFills":"0/4","orderDesc":"Buy 4 ZQXW Limit 99.50, Day","description1":"ZQXW","ticker":"ZQXW","secType":"STK","listingExchange":"NYSE","remainingQuantity":4.0,"filledQuantity":0.0,"totalSize":4.0,"companyName":"ZQXW HOLDINGS","status":"Submitted","order_ccp_status":"Submitted","origOrderType":"LIMIT","supportsTaxOpt":"1","lastExecutionTime":"300102153045","orderType":"Limit","bgColor":"#000000","fgColor":"#00F000","isEventTrading":"0","price":"99.50","timeInForce":"CLOSE","lastExecutionTime_r":1893598245000,"side":"BUY"}]}"##;
const SLD: &str = r#"{"result":[{"acctCode":"DU1234567","cashbalance":5.123456789012345E5,"cashBalanceFXSegment":0.0,"commodityMarketValue":0.0,"corporateBondsMarketValue":0.0,"key":"LedgerListBASE","dividends":0.0,"exchangeRate":1.0,"funds":0.0,"marketValue":0.0,"optionMarketValue":0.0,"interest":1234.5678901234567,"issueOptionsMarketValue":0.0,"moneyFunds":0.0,"netLiquidationValue":6.0123456789012345E5,"realizedPnl":0.0,"unrealizedPnl":4321.987654321,"secondKey":"BASE","settledCash":5.123456789012345E5,"severity":0,"stockMarketValue":87654.32109876543,"tBillsMarketValue":0.0,"tBondsMarketValue":0.0,"warrantsMarketValue":0.0,"timestamp":1893598245},{"key":"LedgerListUSD","timestamp":1893598245},{"key":"LedgerListEUR","timestamp":1893598245}],"topic":"sld+DU1234567"}"#;
const SMH: &str = r#"{"serverId":"70123","symbol":"ZQXW","text":"ZQXW HOLDINGS","priceFactor":100,"startTime":"20300102-14:30:00","high":"10135/472117.45/65","low":"10098/460822.3/5","timePeriod":"30min","barLength":300,"mdAvailability":"S","mktDataDelay":0,"outsideRth":false,"volumeFactor":100,"priceDisplayRule":1,"priceDisplayValue":"2","negativeCapable":false,"messageVersion":2,"data":[{"o":101.02,"c":101.11,"h":101.19,"l":100.98,"v":4608.22,"t":1893594600000},{"o":101.11,"c":101.2,"h":101.24,"l":101.07,"v":3120.4,"t":1893594900000},{"o":101.2,"c":101.18,"h":101.26,"l":101.12,"v":2871.03,"t":1893595200000},{"o":101.18,"c":101.31,"h":101.35,"l":101.17,"v":4721.17,"t":1893595500000},{"o":101.31,"c":101.22,"h":101.33,"l":101.2,"v":1988.6,"t":1893595800000},{"o":101.22,"c":101.27,"h":101.3,"l":101.19,"v":1502.75,"t":1893596100000}],"points":6,"topic":"smh+700123"}"#;
const SBD: &str = r#"{"topic":"sbd+DU1234567+700123","data":[{"row":0,"focus":0,"price":"101.32","ask":"1200"},{"row":1,"focus":0,"price":"101.31","ask":"800"},{"row":2,"focus":0,"price":"101.30","ask":"2100"},{"row":3,"focus":0,"price":"101.29","ask":"700"},{"row":4,"focus":1,"price":"100 @ 101.27"},{"row":5,"focus":0,"price":"101.25","bid":"1300"},{"row":6,"focus":0,"price":"101.24","bid":"900"},{"row":7,"focus":0,"price":"101.23","bid":"2400"},{"row":8,"focus":0,"price":"101.22","bid":"600"}]}"#;
const STS: &str = r#"{"topic":"sts","args":{"authenticated":true,"competing":false,"connected":true,"established":true,"message":"","fail":"","serverName":"Own0001","serverVersion":"Build 1.2","username":"user12345"}}"#;
const TIC: &str =
    r#"{"topic":"tic","alive":true,"id":"00112233445566778899aabbccddeeff","lastAccessed":1893598245000}"#;
const HEARTBEAT: &str = r#"{"topic":"system","hb":1893598245000}"#;
