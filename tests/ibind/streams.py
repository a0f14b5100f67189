"""Streams every topic of the simulated gateway with the Python package ibind, unmodified.

ibind is a client that others wrote for the real gateway. That it works with the simulated one shows that the
simulation follows the protocol, and not only what ibws expects. `.ci/run ibind` installs ibind, starts the
gateway and runs this script:

    python tests/ibind/streams.py PORT CERTIFICATE [ACCOUNT]

PORT is the port of the gateway on 127.0.0.1, CERTIFICATE its certificate as a PEM file, ACCOUNT the account
id, DU1234567 by default. The script prints one line for each check. It exits with 1 if a check fails, if ibind
does not stop, or if ibind or a library that it uses logs a warning or an error.
"""

import logging
import os
import sys
import time

# ibind reads its settings from the environment when it is imported. Its limit for starting and stopping is 5 s.
# Its reading thread looks for the end of the connection every 9.5 s only, if it misses the end itself.
os.environ["IBIND_WS_TIMEOUT"] = "30"
os.environ["IBIND_LOG_TO_FILE"] = "false"

from ibind import IbkrClient, IbkrWsClient, QueueSink, subscriptions  # noqa: E402

CONID = "265598"
# Longest time in seconds until a subscription is confirmed, its data has come, or it is unsubscribed. The ledger
# comes every 10 s.
TIMEOUT = 30.0


class Complaints(logging.Handler):
    """Keeps what ibind and its libraries log as a warning or worse."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(f"{record.levelname} {record.name}: {record.getMessage():.200}")


class Checks:
    """Counts checks and prints each."""

    def __init__(self):
        self.passed = self.total = 0

    def add(self, is_ok, text):
        self.total += 1
        self.passed += bool(is_ok)
        print("ok    " if is_ok else "FAILED", text, flush=True)
        return is_ok


def has_quote(event):
    return event.conid == CONID and float(event.data.get("last_price", 0)) > 0


def has_bars(event):
    bars = event.data.get("data", [])
    return event.conid == CONID and bars and all(bar["l"] <= bar["c"] <= bar["h"] for bar in bars)


def has_ladder(event):
    return event.conid == CONID and any(row.get("price") for row in event.data)


def has_order(event):
    return any("orderId" in row and "status" in row for row in event.data.get("args", []))


def has_execution(event):
    return any("execution_id" in row and float(row["price"]) > 0 for row in event.data.get("args", []))


def topics(account):
    """Returns for each topic: its name, its subscription, how many events must come, and what one of them has."""

    def has_pnl(event):
        return "dpl" in event.data.get("args", {}).get(f"{account}.Core", {})

    def has_summary(event):
        return event.account_id == account and event.data.get("NetLiquidation", {}).get("monetaryValue", 0) > 0

    def has_ledger(event):
        return event.account_id == account and event.data["secondKey"] == "BASE" and event.data["cashbalance"] > 0

    # The second event is an update, which differs from the snapshot before it. Of the ledger, the three rows of
    # the snapshot are three events.
    return [
        ("market data", subscriptions.MarketDataSubscription(conid=CONID, fields=["31", "84", "86"]), 3, has_quote),
        ("history", subscriptions.MarketHistorySubscription(conid=CONID, period="2h", bar="5min"), 1, has_bars),
        ("ladder", subscriptions.PriceLadderSubscription(account_id=account, conid=CONID), 2, has_ladder),
        ("orders", subscriptions.OrdersSubscription(), 2, has_order),
        ("P&L", subscriptions.PnlSubscription(), 2, has_pnl),
        ("trades", subscriptions.TradesSubscription(days=7), 2, has_execution),
        ("summary", subscriptions.AccountSummarySubscription(account_id=account), 2, has_summary),
        ("ledger", subscriptions.AccountLedgerSubscription(account_id=account), 4, has_ledger),
    ]


def starts(rest, client, account):
    """Starts the client, and requests accounts and orders over REST as the documentation of IBKR wants it."""
    if not client.start() or not rest.check_auth_status():
        return False
    rest.initialize_brokerage_session(compete=False)
    accounts = rest.receive_brokerage_accounts().data["accounts"]
    rest.live_orders(force=True)
    return account in accounts and rest.live_orders().data["snapshot"]


def receives(sink, event_type, count, matches):
    """Returns whether `count` events came in time, one of which is as it must be."""
    deadline = time.monotonic() + TIMEOUT
    seen, has_matched = 0, False
    while seen < count or not has_matched:
        event = sink.get(event_type, block=True, timeout=max(deadline - time.monotonic(), 0.001))
        if event is None:
            return False
        seen += 1
        has_matched = has_matched or bool(matches(event))
    return True


def main():
    port, certificate = sys.argv[1:3]
    account = sys.argv[3] if len(sys.argv) > 3 else "DU1234567"
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)

    checks, sink, streams = Checks(), QueueSink(), topics(account)
    rest = IbkrClient(account_id=account, port=port, cacert=certificate)
    client = IbkrWsClient(account_id=account, port=port, cacert=certificate, ibkr_client=rest, sink=sink)
    if checks.add(starts(rest, client, account), "start"):
        for name, subscription, _, _ in streams:
            handle = client.subscribe(subscription)
            checks.add(handle.wait(TIMEOUT) and handle.active, f"{name}: confirmed")
        for name, subscription, count, matches in streams:
            checks.add(receives(sink, subscription.event_type, count, matches), f"{name}: data")
        for name, subscription, _, _ in streams:
            handle = client.unsubscribe(subscription)
            checks.add(handle.wait(TIMEOUT) and handle.unsubscribed, f"{name}: unsubscribed")
    has_stopped = client.shutdown()
    print("ok    " if has_stopped else "FAILED", "stop")
    for text in complaints.texts:
        print("FAILED ibind logged", text)
    expected = 1 + 3 * len(streams)
    print(f"ibind: {checks.passed} of {expected} checks, {len(complaints.texts)} warnings and errors logged")
    return 0 if has_stopped and checks.passed == expected and not complaints.texts else 1


if __name__ == "__main__":
    sys.exit(main())
