# SPDX-License-Identifier: Apache-2.0
"""The network goes, and comes back: in a namespace whose only link is brought down and up."""
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import netns
from brokerlib import CREDENTIALS, GET_CREDENTIALS, T_ROLE, Broker, frame, parse
from login1lib import Login1
from worldlib import PATIENCE, until

WEB_IDENTITY = "AssumeRoleWithWebIdentity"


@pytest.fixture
def broker():
    if not netns.works():
        pytest.skip("network namespaces need root")
    with netns.own_network():
        b = Broker()
        try:
            r = b.sign_in()
            assert r.returncode == 0, r.stderr
            yield b
        finally:
            netns.link(up=True)
            print(b.log())
            b.close()


@pytest.fixture
def login1():
    x = Login1()
    yield x
    x.close()


def ask_in_vain(b, times):
    """Until the role was refused so often; the last time is a moment ago."""
    def refused():
        b.get()
        return b.log().count("role.refused role=dev") >= times
    until(f"{times} failures", refused, 40)


def test_a_link_that_comes_up_brings_credentials_within_a_second(broker):
    netns.link(up=False)  # after which no connection from before is used
    netns.link(up=True)
    netns.no_address()
    netns.link(up=False)
    ask_in_vain(broker, 3)  # now it would wait for two seconds at least
    assert broker.role()["last_error"]["outcome"] == "unreachable"
    netns.link(up=True)
    start = time.monotonic()
    until("credentials", lambda: broker.get()[0] == CREDENTIALS, 5)
    assert time.monotonic() - start < 1.0 * PATIENCE
    assert "broker.looks_again" in broker.log()


def test_a_request_that_was_sent_into_nothing_is_sent_again(broker):
    """Packets vanish: TCP would try again after one second, three, seven."""
    netns.link(up=False)
    with broker.connect() as c:
        c.send(frame(GET_CREDENTIALS, (T_ROLE, b"dev")))
        time.sleep(1.3)
        netns.link(up=True)
        start = time.monotonic()
        assert parse(c.recv(65536))[0] == CREDENTIALS
    assert time.monotonic() - start < 1.0 * PATIENCE
    assert broker.stats(WEB_IDENTITY) == 1


def test_waking_up_is_told_by_logind(login1):
    """Also where neither the kernel nor the network says a word of it."""
    b = Broker(start=False)
    b.env["DBUS_SYSTEM_BUS_ADDRESS"] = login1.address
    try:
        b.start()
        assert b.sign_in().returncode == 0
        b.control("fault", set="sts.drop")
        ask_in_vain(b, 3)
        b.control("fault", clear="all")
        login1.say("active", signal="PrepareForSleep")
        start = time.monotonic()
        until("credentials", lambda: b.get()[0] == CREDENTIALS, 5)
        assert time.monotonic() - start < 1.0 * PATIENCE
        assert 'broker.looks_again reason="the machine woke up"' in b.log()
    finally:
        print(b.log())
        b.close()


def test_what_is_throttled_is_left_alone(broker):
    broker.control("fault", set="sts.throttle")
    broker.get()
    until("a refusal", lambda: broker.role()["last_error"])
    assert broker.role()["last_error"]["outcome"] == "throttled"
    before = broker.stats(WEB_IDENTITY)
    for _ in range(20):
        netns.link(up=False)
        netns.link(up=True)
    time.sleep(0.8)  # as long as a look takes
    assert broker.stats(WEB_IDENTITY) == before
    assert "broker.looks_again" not in broker.log()


def test_a_link_that_flaps_is_no_loop_at_sts(broker):
    assert broker.get()[0] == CREDENTIALS
    before = broker.stats(WEB_IDENTITY)
    for _ in range(200):
        netns.link(up=False)
        netns.link(up=True)
    assert broker.get()[0] == CREDENTIALS
    assert broker.stats(WEB_IDENTITY) == before
