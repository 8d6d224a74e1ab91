# SPDX-License-Identifier: Apache-2.0
"""The loopback port in a whole world: valetkeyd keeps it, SDKs find credentials there, and users stay apart."""
import json
import os
import signal
import socket
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import Broker  # noqa: E402
from endpointlib import Endpoint, as_uid  # noqa: E402
from worldlib import ROOT, until  # noqa: E402

needs_root = pytest.mark.skipif(not ROOT, reason="two uids take root")
ARN = "arn:aws:sts::123456789012:assumed-role/dev/"
# What the session would give an SDK besides the door under test
NOTHING_ELSE = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "",
                "AWS_DEFAULT_REGION": "eu-central-1", "NO_PROXY": "127.0.0.1"}


def endpoint_of(w):
    status = until("the port", lambda: json.loads(w.cli("status", "--json").stdout)["endpoint"])
    return status, Endpoint(status)


def token_of(w, e):
    r = w.run("cat", e.token_file)  # as the user whose it is
    assert r.returncode == 0 and len(r.stdout) == 43
    return r.stdout


def door(w, e, name):
    """The environment that leads an SDK to that door and no other."""
    env = {k: v for k, v in NOTHING_ELSE.items() if v}
    if name == "container":  # Debian's botocore does not know ..._TOKEN_FILE yet
        env.update(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{e.url}/credentials/role/dev", AWS_CONTAINER_AUTHORIZATION_TOKEN=token_of(w, e),
                   AWS_EC2_METADATA_DISABLED="true")
    else:
        env.update(AWS_EC2_METADATA_SERVICE_ENDPOINT=f"{e.url}/")
    return ["env", "-u", "AWS_PROFILE", "-u", "AWS_DEFAULT_PROFILE", "-u", "AWS_EC2_METADATA_DISABLED", *(f"{k}={v}" for k, v in env.items())]


def test_valetkeyd_keeps_the_port(shared_world):
    status, e = endpoint_of(shared_world)
    assert status["kept"] is True and not 32768 <= e.port <= 60999
    assert f"port={e.port} kept_by=valetkeyd" in shared_world.log("broker")
    assert f"port={e.port}" in shared_world.log("valetkeyd")


@pytest.mark.parametrize("name", ["container", "imds"])
def test_awscli(shared_world, name):
    _, e = endpoint_of(shared_world)
    r = shared_world.run(*door(shared_world, e, name), "/usr/bin/aws", "--endpoint-url", shared_world.base, "sts", "get-caller-identity")
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["Arn"].startswith(ARN)
    assert f"door={name}" in shared_world.log("broker")


BOTO = """
import boto3, sys
s = boto3.Session()
c = s.get_credentials()
print(c.method, boto3.client("sts", endpoint_url=sys.argv[1]).get_caller_identity()["Arn"])
"""


@pytest.mark.parametrize("name,method", [("container", "container-role"), ("imds", "iam-role")])
def test_boto3(shared_world, name, method):
    _, e = endpoint_of(shared_world)
    r = shared_world.run(*door(shared_world, e, name), "/usr/bin/python3", "-c", BOTO, shared_world.base)
    assert r.returncode == 0, r.stderr
    assert r.stdout.startswith(f"{method} {ARN}")


def test_boto3_says_why_there_is_nothing(shared_world):
    _, e = endpoint_of(shared_world)
    env = [a.replace("/role/dev", "/role/nope") for a in door(shared_world, e, "container")]
    r = shared_world.run(*env, "/usr/bin/python3", "-c", BOTO, shared_world.base)
    assert r.returncode != 0 and "no role nope is configured" in r.stderr


def ask_all(e, token, session):
    """-> what a caller gets, with and without the secrets of another"""
    return [(a.status, a.body.decode()) for a in (
        e.ask("/credentials/role/dev", Authorization=token), e.ask("/credentials/role/dev"),
        e.ask("/latest/meta-data/iam/security-credentials/dev", X_aws_ec2_metadata_token=session),
        e.ask("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=60))]


def refused(answers, uid):
    for status, body in answers:
        assert status == 403 and f"uid {uid}" in body and "SecretAccessKey" not in body


@needs_root
def test_two_users_at_each_others_doors(shared_world):
    _, theirs = endpoint_of(shared_world)
    token = token_of(shared_world, theirs)
    other = Broker()
    try:
        assert other.sign_in().returncode == 0
        status = until("the port", lambda: other.status()["endpoint"])
        ours = Endpoint(status)
        our_token, our_session = ours.token, ours.session()
        their_session = as_uid(shared_world.uid, theirs.session)
        # each gets in at home
        assert ours.container("/credentials/role/dev").status == 200
        assert as_uid(shared_world.uid, lambda: theirs.patient("/credentials/role/dev", Authorization=token).status) == 200
        # root at the user's door, the user at root's: with the other's secrets, with one's own, with none
        for t, s in ((token, their_session), (our_token, our_session)):
            refused(ask_all(theirs, t, s), 0)
            refused(as_uid(shared_world.uid, lambda t=t, s=s: ask_all(ours, t, s)), shared_world.uid)
        assert "allow_root_callers" in ask_all(theirs, token, their_session)[0][1]
        # a third one at both
        for e, t, s in ((theirs, token, their_session), (ours, our_token, our_session)):
            refused(as_uid(65534, lambda e=e, t=t, s=s: ask_all(e, t, s)), 65534)
    finally:
        other.close()


@needs_root
def test_a_port_after_its_broker(make_world):
    w = make_world("--fault", "interval=1")
    w.credentials()
    _, e = endpoint_of(w)
    token_file, port = e.token_file, e.port
    os.kill(w.pid("valetkey-broker"), signal.SIGTERM)
    until("the broker to end", lambda: not w.pids("valetkey-broker"))
    assert not os.path.exists(token_file)

    def squat():
        found = []
        for address in ("127.0.0.1", "0.0.0.0"):
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                found.append(s.connect_ex((address, port)))
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind((address, port))
                    s.listen()
                    found.append(0)
                except OSError as x:
                    found.append(x.errno)
        return found

    assert as_uid(65534, squat) == [111, 98, 111, 98]  # ECONNREFUSED, EADDRINUSE
