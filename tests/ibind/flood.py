"""Receives a flood of market data with the Python package ibind, unmodified.

The program `endtoend` of tests/bench starts the flooding server and runs this script, to show the messages a second
and the memory of ibind beside those of ibws:

    python tests/ibind/flood.py PORT CERTIFICATE MESSAGES

PORT is the port of the server on 127.0.0.1, CERTIFICATE its certificate as a PEM file, MESSAGES the number of messages
of the flood. The script reads the price of each message from a `QueueSink`. It prints one line of JSON: the messages,
how many of them the sink dropped, the nanoseconds from the first to the last, the nanoseconds that the process ran in
that time, and its largest resident memory in KiB. It exits with 1 if messages are missing.
"""

import json
import logging
import os
import sys
import time

# ibind reads its settings from the environment when it is imported.
os.environ["IBIND_WS_TIMEOUT"] = "30"
os.environ["IBIND_LOG_TO_FILE"] = "false"
os.environ["IBIND_LOG_TO_CONSOLE"] = "false"

from ibind import IbkrClient, IbkrWsClient, QueueSink, subscriptions  # noqa: E402

ACCOUNT = "DU1234567"
CONID = "265598"
# Longest time in seconds until the next message of the flood.
TIMEOUT = 20.0


class Drops(logging.Handler):
    """Counts the events that a full queue of ibind dropped, each of which ibind logs."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record):
        self.count += "dropping" in str(record.msg)


def is_flood(event):
    """Returns whether an event is of the flood. Only that sends the bid, which is not subscribed."""
    return "bid_price" in event.data


def receive(sink, event_type, expected, drops):
    """Receives the flood. Returns the messages that came, and what the whole took."""
    count, began, cpu = 0, 0, 0
    while count + drops.count < expected:
        event = sink.get(event_type, block=True, timeout=TIMEOUT)
        if event is None:
            break
        if not is_flood(event):
            continue
        if count == 0:
            began, cpu = time.monotonic_ns(), time.process_time_ns()
        if float(event.data["last_price"]) > 0:
            count += 1
    return count, time.monotonic_ns() - began, time.process_time_ns() - cpu


def largest_memory():
    """Returns the largest resident memory of this process in KiB."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main():
    port, certificate, messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
    drops, sink = Drops(), QueueSink()
    logging.getLogger("ibind").addHandler(drops)
    rest = IbkrClient(account_id=ACCOUNT, port=port, cacert=certificate)
    client = IbkrWsClient(account_id=ACCOUNT, port=port, cacert=certificate, ibkr_client=rest, sink=sink)
    if not client.start():
        sys.exit("ibind does not start")
    rest.initialize_brokerage_session(compete=False)
    subscription = subscriptions.MarketDataSubscription(conid=CONID, fields=["31"])
    client.subscribe(subscription)
    count, nanoseconds, cpu = receive(sink, subscription.event_type, messages, drops)
    outcome = {"messages": count + drops.count, "merged": 0, "lost": drops.count, "nanoseconds": nanoseconds}
    print(json.dumps(outcome | {"cpu": cpu, "peak": largest_memory(), "latencies": []}), flush=True)
    # A stop after a flood takes seconds, and the figures are complete.
    os._exit(0 if count + drops.count >= messages else 1)


if __name__ == "__main__":
    main()
