# SPDX-License-Identifier: Apache-2.0
"""docker-credential-valetkey as docker and podman run it: the protocol of credential helpers, on stdin and stdout."""
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import BUILD, PATIENCE, World  # noqa: E402

HELPER = f"{BUILD}/docker-credential-valetkey"
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

@pytest.fixture(scope="module")
def world():
    with World("--fault", "interval=1") as w:
        yield w


def helper(world, what, text="", **env):
    p = world._popen([HELPER, what], stdin=subprocess.PIPE, env={"AWS_ENDPOINT_URL_ECR": world.base, "AWS_ENDPOINT_URL_ECR_PUBLIC": world.base, **env})
    out, err = p.communicate(text, timeout=30 * PATIENCE)
    return p.returncode, out, err


def get(world, server, role="dev", **env):
    code, out, err = helper(world, "get", server, VALETKEY_ROLE=role, **env)
    assert (code, err) == (0, ""), (out, err)
    return json.loads(out)


@pytest.mark.parametrize("server", [ECR, f"https://{ECR}", f"https://{ECR}/v2/\n", f"{ECR}:443", ECR.upper()])
def test_a_password_for_a_registry(world, server):
    before = world.stats("ecr.GetAuthorizationToken")
    doc = get(world, server)
    assert doc["ServerURL"] == server.strip() and doc["Username"] == "AWS"
    assert doc["Secret"].startswith("password of arn:aws:sts::123456789012:assumed-role/dev/alice") and world.stats("ecr.GetAuthorizationToken") == before + 1


def test_the_public_registry(world):
    assert ":assumed-role/dev/" in get(world, "public.ecr.aws")["Secret"] and world.stats("ecr-public.GetAuthorizationToken") == 1


@pytest.mark.parametrize("server", [
    "docker.io", "https://index.docker.io/v1/", "ghcr.io", "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example.com", "12345678901.dkr.ecr.eu-central-1.amazonaws.com",
    "x123456789012.dkr.ecr.eu-central-1.amazonaws.com", "123456789012.dkr.ecr.cn-north-1.amazonaws.com", "123456789012.dkr.ecr.mars.amazonaws.com",
    "123456789012.ecr.eu-central-1.amazonaws.com", "evil.public.ecr.aws", "public.ecr.aws.evil.example.com", "a" * 300,
])
def test_other_registries_are_none_of_ours(world, server):
    """docker goes on without a password on just these words. Nobody is asked."""
    before = world.stats()
    assert helper(world, "get", server) == (1, "credentials not found in native keychain\n", "")
    assert world.stats() == before


@pytest.mark.parametrize("server, endpoint", [
    ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "ecr"), ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "ecr"),
    ("123456789012.dkr-ecr.eu-west-1.on.aws", "ecr"), ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "ecr"), ("ecr-public.aws.com", "ecr-public"),
])
def test_all_the_names_they_have(world, server, endpoint):
    before = world.stats(f"{endpoint}.GetAuthorizationToken")
    assert get(world, server)["ServerURL"] == server and world.stats(f"{endpoint}.GetAuthorizationToken") == before + 1


REGISTRIES = f"""
[registry {ECR}]
role = admin
[registry public.ecr.aws]
role = dev
"""


def test_which_role(make):
    """A section's role; else the account's only one, or the default among several; else a sentence."""
    b = make(roles=("dev", "admin"), start=False)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(REGISTRIES)
    b.start()
    assert b.sign_in().returncode == 0
    assert b.status()["registries"] == [{"host": ECR, "role": "admin"}, {"host": "public.ecr.aws", "role": "dev"}]

    def ask(what, server=""):
        r = subprocess.run([HELPER, what], env={**b.env, "AWS_ENDPOINT_URL_ECR": b.base, "AWS_ENDPOINT_URL_ECR_PUBLIC": b.base}, input=server, capture_output=True,
                           text=True, timeout=30 * PATIENCE, check=False)
        return r.stdout
    assert ask("get", f"https://{ECR}/v2/").startswith("valetkey: role admin: STS refused alice")  # who may have dev only
    assert ":assumed-role/dev/" in json.loads(ask("get", "public.ecr.aws"))["Secret"]
    assert json.loads(ask("list")) == {ECR: "AWS", "public.ecr.aws": "AWS"}
    assert "several roles" in ask("get", "123456789012.dkr.ecr.us-east-1.amazonaws.com")
    assert ask("get", "999999999999.dkr.ecr.eu-central-1.amazonaws.com") == "valetkey: no role of account 999999999999 is configured\n"


def test_the_rest_of_the_protocol(world):
    assert helper(world, "list") == (0, "{}\n", "")
    assert helper(world, "erase", ECR) == (0, "", "")
    code, out, _ = helper(world, "store", json.dumps({"ServerURL": ECR, "Username": "AWS", "Secret": "x"}))
    assert code == 1 and "nothing is stored" in out
    assert helper(world, "version")[1].startswith("docker-credential-valetkey ")
    assert helper(world, "get") == (1, "valetkey: which registry?\n", "") and helper(world, "get", "x" * 5000)[0] == 1
    code, out, err = helper(world, "login")
    assert code == 2 and not out and "login" in err


def test_what_the_registry_refuses_is_said(world):
    world.fault("ecr.GetAuthorizationToken.5xx")
    try:
        code, out, _ = helper(world, "get", ECR, VALETKEY_ROLE="dev")
        assert code == 1 and out.startswith("valetkey: ") and out.count("\n") == 1
    finally:
        world.clear_all()
    code, out, _ = helper(world, "get", ECR, VALETKEY_ROLE="nope")
    assert code == 1 and "nope" in out
    code, out, _ = helper(world, "get", ECR, VALETKEY_ROLE="dev", AWS_ENDPOINT_URL_ECR="http://example.com")
    assert code == 1 and "http" in out

