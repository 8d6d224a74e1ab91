# SPDX-License-Identifier: Apache-2.0
"""Fixtures every end-to-end test may use: throw-away worlds, ended and looked after whatever the test does."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import riglib  # noqa: E402
from brokerlib import Broker  # noqa: E402
from sandbox_client import box, own  # noqa: E402
from worldlib import SEVERAL, World  # noqa: E402

__all__ = ("box", "own")


@pytest.fixture
def make():
    """make(…): a Broker of brokerlib.py"""
    made = []

    def make_broker(*args, **kw):
        made.append(Broker(*args, **kw))
        return made[-1]

    yield make_broker
    for b in made:
        print(b.log())  # pytest shows it where the test failed
        b.close()


@pytest.fixture
def make_world():
    """make_world(*options of "valetkey-sandbox run", mode="root" | "user")"""
    worlds = []

    def make(*options, **kw):
        w = World(*options, **kw)
        worlds.append(w)
        return w

    yield make
    failed = None
    for w in worlds:
        for name, text in w.all_logs().items():  # pytest shows it where the test failed
            print(f"---- {name}\n{text[-3000:]}")
        try:
            w.close()
        except AssertionError as e:
            failed = e
    if failed:
        raise failed


@pytest.fixture
def world(make_world):
    """A world in which alice is signed in; device polls one second apart."""
    return make_world("--fault", "interval=1")


@pytest.fixture(scope="module")
def one_world():
    with World("--fault", "interval=1") as w:
        yield w


@pytest.fixture
def shared_world(one_world):
    """A world in which alice is signed in, for tests that leave it as it was but for its fault switches."""
    before = one_world.pids("valetkeyd") + one_world.pids("valetkey-broker")
    yield one_world
    one_world.clear_all()
    assert one_world.pids("valetkeyd") + one_world.pids("valetkey-broker") == before, "a daemon did not survive this"


@pytest.fixture(scope="module")
def rig():
    """A Debian under a real systemd with our build in it (riglib.py), for a whole file."""
    why = riglib.unavailable()
    if why:
        pytest.skip(why)
    r = riglib.Rig()
    yield r
    r.close()


@pytest.fixture(scope="module")
def packaged_rig():
    """The same with our Debian packages installed by dpkg, for a whole file."""
    why = riglib.packages_unavailable()
    if why:
        pytest.skip(why)
    r = riglib.Rig(packages=True)
    yield r
    r.close()


def pytest_generate_tests(metafunc):
    # "mode" makes a test run as both kinds of user that a world works for
    if "mode" in metafunc.fixturenames:
        needs_root = pytest.mark.skipif(not SEVERAL, reason="worlds of several uids need root and mount namespaces")
        metafunc.parametrize("mode", [pytest.param("root", marks=needs_root), "user"])
