# SPDX-License-Identifier: Apache-2.0
"""valetkey token: byte for byte what awscli and boto3 make of the same credentials at the same moment; and a cluster's view of
one, which is to send what is inside to STS."""
import base64
import datetime
import json
import os
import random
import subprocess
import sys
import urllib.error
import urllib.request

import botocore.auth
import botocore.session
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import CLI, http  # noqa: E402

KEY, SECRET, TOKEN = "ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token/with+signs=="
ENV = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
TIME = "2015-08-30T12:36:00Z"


class Then(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls(2015, 8, 30, 12, 36, 0)


@pytest.fixture
def session(monkeypatch):
    """botocore with our credentials, at our moment. Like the AWS CLI it signs with aws-c-auth where that is installed; alone it
    would have two parameters the other way round."""
    pytest.importorskip("awscrt", reason="no python3-awscrt here")
    monkeypatch.setattr(botocore.auth.datetime, "datetime", Then)
    s = botocore.session.Session()
    s.set_config_variable("sts_regional_endpoints", "regional")
    s.set_credentials(KEY, SECRET, TOKEN)
    return s


def run(*argv, env=None):
    return subprocess.run([CLI, "token", *argv], capture_output=True, text=True, timeout=30, check=False, env=ENV if env is None else env)


def token(*argv, env=None):
    r = run(*argv, "--env", "--time", TIME, env=env)
    assert (r.returncode, r.stderr) == (0, ""), r
    return r.stdout


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "cn-north-1", "us-gov-west-1"])
def test_eks_as_awscli_makes_it(session, region):
    get_token = pytest.importorskip("awscli.customizations.eks.get_token", reason="no awscli here")
    client = get_token.STSClientFactory(session).get_sts_client(region_name=region)
    theirs = get_token.TokenGenerator(client).get_token("my-cluster")
    ours = json.loads(token("eks", "my-cluster", "--region", region))
    assert ours["status"]["token"] == theirs
    assert ours == {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1", "spec": {},
                    "status": {"token": theirs, "expirationTimestamp": "2015-08-30T12:50:00Z"}}


@pytest.mark.parametrize("said, answered", [("v1", "v1"), ("v1beta1", "v1beta1"), ("v1alpha1", "v1alpha1"), ("v2", None), ("", None)])
def test_kubectl_says_which_version_it_speaks(said, answered):
    info = json.dumps({"kind": "ExecCredential", "apiVersion": f"client.authentication.k8s.io/{said}", "spec": {"interactive": False}})
    r = run("eks", "c", "--env", "--region", "eu-west-1", env={**ENV, "KUBERNETES_EXEC_INFO": info})
    if answered:
        assert json.loads(r.stdout)["apiVersion"] == f"client.authentication.k8s.io/{answered}"
    else:
        assert r.returncode == 2 and not r.stdout and "KUBERNETES_EXEC_INFO" in r.stderr and r.stderr.count("\n") == 1


def test_a_token_ends_with_its_credentials():
    out = token("eks", "c", "--region", "eu-west-1", env={**ENV, "AWS_CREDENTIAL_EXPIRATION": "2015-08-30T12:40:00Z"})
    assert json.loads(out)["status"]["expirationTimestamp"] == "2015-08-30T12:40:00Z"


def test_rds_as_boto3_makes_it(session):
    rng = random.Random(20150830)
    client = session.create_client("rds", region_name="eu-west-1")
    for host in ("db.abcdefghijkl.eu-west-1.rds.amazonaws.com", "db.example.com"):
        for _ in range(4):
            user = "u" + "".join(rng.choice("abzAZ09-._~!$&'()*+,;=:@%/\\\u00e9") for _ in range(rng.randint(0, 20)))
            port = rng.randint(1, 65535)
            theirs = client.generate_db_auth_token(host, port, user)
            assert token("rds", host, str(port), user, "--region", "eu-west-1") == theirs + "\n", user


def test_rds_takes_the_region_of_the_host():
    out = token("rds", "db.abcdefghijkl.ap-southeast-2.rds.amazonaws.com", "3306", "me", env={**ENV, "AWS_REGION": "eu-west-1"})
    assert "%2Fap-southeast-2%2Frds-db%2F" in out
    assert "%2Feu-west-1%2Frds-db%2F" in token("rds", "db.example.com", "3306", "me", env={**ENV, "AWS_REGION": "eu-west-1"})


@pytest.mark.parametrize("argv, says", [
    (["eks"], "CLUSTER"), (["eks", "a", "b"], "CLUSTER"), (["gke", "c"], "eks"), ([], "eks"), (["rds", "h", "1"], "rds"), (["eks", ""], "cluster"),
    (["eks", "a b"], "cluster"), (["eks", "a\nb"], "cluster"), (["eks", "c" * 129], "cluster"), (["rds", "h", "0", "u"], "port"),
    (["rds", "h", "65536", "u"], "port"), (["rds", "h", "99999999999999999999", "u"], "port"), (["rds", "h/x", "1", "u"], "host"),
    (["rds", "u@h", "1", "u"], "host"), (["rds", "h", "1", ""], "user"), (["rds", "h", "1", "u v"], "user"), (["eks", "c", "--region", "x"], "region"),
    (["eks", "c", "--endpoint", "sts"], "https://"), (["eks", "c", "--endpoint", "https://sts/x"], "STS"), (["eks", "c", "--time", "soon"], "--time"),
    (["eks", "c", "--role", "dev"], "either"),
])
def test_what_makes_no_token(argv, says):
    r = run(*argv, "--env", *([] if "--region" in argv else ["--region", "eu-west-1"]))
    assert r.returncode == 2 and not r.stdout and says in r.stderr, r


def test_the_region_has_to_come_from_somewhere():
    r = run("eks", "c", "--env")
    assert r.returncode == 2 and "--region" in r.stderr


def test_a_cluster_sends_it_to_sts(shared_world):
    """What EKS does with it: decode, send with the cluster's own name, believe what STS says. Another name is refused."""
    r = shared_world.cli("token", "eks", "prod", "--role", "dev", "--region", "eu-central-1", "--endpoint", shared_world.base)
    assert (r.returncode, r.stderr) == (0, ""), r
    text = json.loads(r.stdout)["status"]["token"].removeprefix("k8s-aws-v1.")
    url = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    answer = http.open(urllib.request.Request(url, headers={"x-k8s-aws-id": "prod"}), timeout=20).read().decode()
    assert ":assumed-role/dev/alice" in answer
    with pytest.raises(urllib.error.HTTPError) as e:
        http.open(urllib.request.Request(url, headers={"x-k8s-aws-id": "other"}), timeout=20)
    assert e.value.code == 403 and b"SignatureDoesNotMatch" in e.value.read()
