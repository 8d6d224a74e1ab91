# SPDX-License-Identifier: Apache-2.0
"""What PAM adds to a sign-in on top of the provider's own answers.

One side is a whole PAM sign-in in a sandbox world: module, valetkeyd, the provider, the commit and the wake, as the
application in valetkey-sandbox times them. The other is the provider alone: the same requests (device authorization, the
approval, after the provider's interval the token) by hand. Both wait the same second between two polls; it cancels out.
In turns, medians.
"""
import http.client
import json
import os
import statistics
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests/e2e"))

from worldlib import World

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Provider:
    """One connection, opened before the clock runs: a client cannot be quicker than this."""

    def __init__(self, base):
        self.connection = http.client.HTTPConnection(base.split("//")[1])
        self.connection.connect()

    def post(self, path, **form):
        self.connection.request("POST", path, urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        r = self.connection.getresponse()
        body = r.read()
        assert r.status == 200, (path, r.status, body)
        return json.loads(body)


def by_hand(base):
    p = Provider(base)
    start = time.monotonic()
    device = p.post("/oidc/device_authorization", client_id="valetkey", scope="openid profile email offline_access")
    answered = time.monotonic()
    p.post("/_sandbox/approve", user_code=device["user_code"], user="alice", decision="allow")
    time.sleep(max(0.0, answered + device["interval"] - time.monotonic()))
    tokens = p.post("/oidc/token", client_id="valetkey", grant_type=DEVICE, device_code=device["device_code"])
    assert tokens["id_token"]
    return (time.monotonic() - start) * 1000


def main():
    hand, phases = [], {}
    with World("--fault", "interval=1") as w:
        for _ in range(ROUNDS):
            hand.append(by_hand(w.base))
            status, _, err, us = w.sign_in()
            assert status == 0, err
            for name, value in us.items():
                phases.setdefault(name, []).append(value / 1000)
    median = {n: statistics.median(v) for n, v in phases.items()}
    alone = statistics.median(hand)
    added = median["authenticate"] + median["open_session"] - alone
    print(f"{ROUNDS} sign-ins, ms (median; each waits one polling interval of 1000 ms)")
    print(f"  the provider alone, by hand        {alone:9.2f}")
    for name, value in median.items():
        print(f"  PAM {name:30} {value:9.2f}")
    print(f"  authenticate + open_session added  {added:9.2f}")


if __name__ == "__main__":
    main()
