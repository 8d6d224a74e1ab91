# SPDX-License-Identifier: Apache-2.0
"""lib/awschain against the SDKs themselves: hundreds of generated files and environments, and for each of them which
provider the real botocore takes its credentials from. Nothing is fetched: of each real provider it is only asked whether
it says that it is the one (or fails, which ends botocore's chain as well)."""
import os
import random
import subprocess

import botocore.credentials as bc
import botocore.exceptions as be
import botocore.session
import pytest
from worldlib import BUILD

CASES = 900
KINDS = {"env": "env-keys", "assume-role": "assume-role", "assume-role-with-web-identity": "web-identity", "sso": "sso",
         "shared-credentials-file": "keys", "custom-process": "process", "config-file": "keys", "ec2-credentials-file": "ec2-file",
         "boto-config": "boto-file", "container-role": "container", "iam-role": "imds"}
KEYS = ["aws_access_key_id = AKIDEXAMPLE", "aws_secret_access_key = secret", "aws_session_token=t", "region = eu-central-1",
        "role_arn = arn:aws:iam::123456789012:role/x", "source_profile = other", "credential_source = Environment",
        "web_identity_token_file = /nonexistent", "credential_process = /bin/false x", "sso_session = s",
        "sso_account_id = 1", "sso_role_name = r", "sso_start_url = https://x", "sso_region: eu-west-1",
        "s3 =\n  max_concurrent_requests = 20\n  nested", "s3 =\n  addressing_style = path\n", "output", "= x", "# a comment", " ; another",
        "Role_Arn = arn:aws:iam::1:role/Upper", "credential_process =", "web_identity_token_file =", "cli_pager=\n", "aws_access_key_id\t:\tAKID2"]
SECTIONS = ["[default]", "[profile other]", "[profile default]", '[profile "other"]', "[other]", "[DEFAULT]", "[sso-session s]", "[profiles other]",
            "[default] # why", "[]", "[profile other", "[profile 'a b']", "[Credentials]", "[profile]", "[ default ]", "[de]fault]", "[default"]
VARIABLES = {"AWS_ACCESS_KEY_ID": ["AKID", ""], "AWS_SECRET_ACCESS_KEY": ["s"], "AWS_PROFILE": ["other", "default", "missing"],
             "AWS_DEFAULT_PROFILE": ["other"], "AWS_ROLE_ARN": ["arn:aws:iam::1:role/e"], "AWS_WEB_IDENTITY_TOKEN_FILE": ["/x", ""],
             "AWS_CONTAINER_CREDENTIALS_FULL_URI": ["http://127.0.0.1:1/"], "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ["/r"],
             "AWS_CREDENTIAL_FILE": ["/dev/null"], "AWS_EC2_METADATA_DISABLED": ["true", "TRUE", "false"]}


def some_file(rng, first):
    """A file that is nearly always readable, for one that is not ends the comparison early."""
    lines = [first] if rng.random() < 0.8 else []
    for _ in range(rng.randrange(10)):
        word = rng.choice(SECTIONS[:9] if rng.random() < 0.97 else SECTIONS) if rng.random() < 0.25 else rng.choice(KEYS)
        if rng.random() < 0.9 and (word in lines or word in ("output", "= x") or "nested" in word):
            continue
        lines.append(rng.choice(["", "", "", "", " ", "  ", "\t", "\u00a0"]) * (rng.random() < 0.3) + word + rng.choice(["", "", " ", "\n"]))
    text = rng.choice(["\n", "\n", "\n", "\r\n", "\r"]).join(lines).encode()
    if rng.random() < 0.03:
        text = rng.choice([b"\xef\xbb\xbf" + text, text + b"\n\xff\xfe", text.replace(b"=", b"\0=", 1), text + b"\x0c\n", text + b"\nkey\x0b=\x1cvalue"])
    return text


def real(monkey):
    """What the real botocore would do in this environment."""
    session = botocore.session.Session()
    try:
        providers = bc.create_credential_resolver(session).providers
    except (be.ConfigParseError, be.ProfileNotFound):
        return "broken"
    for p in providers:
        if p.METHOD == "iam-role":
            disabled = p._role_fetcher._disabled  # pylint: disable=protected-access
            return "nothing" if disabled else "imds"
        try:
            if p.METHOD == "ec2-credentials-file":
                if "AWS_CREDENTIAL_FILE" in os.environ:
                    return "ec2-file"
            elif p.load() is not None:
                return KINDS[p.METHOD]
        except (be.ConfigParseError, be.ProfileNotFound):
            return "broken"
        except (be.PartialCredentialsError, be.InvalidConfigError, be.InfiniteLoopConfigError, be.UnknownCredentialError):
            return KINDS[p.METHOD]
    raise AssertionError("no provider for IMDS")


@pytest.fixture
def chain(tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen([f"{BUILD}/tests/helpers/aws_chain", "--serve"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        def ask(**variables):
            p.stdin.write(" ".join(f"{k}={v}" for k, v in variables.items()) + "\n")
            p.stdin.flush()
            out = {}
            while (line := p.stdout.readline().rstrip("\n")):
                sdk, kind, where = line.split(" ", 2)
                out[sdk] = (kind, where)
            assert len(out) == 5
            return out
        yield ask
        p.stdin.close()


def prepare(monkeypatch, home):
    for name in [n for n in os.environ if n.startswith(("AWS_", "BOTO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(bc.ContainerProvider, "_retrieve_or_fail", lambda self: "container")
    monkeypatch.setattr(bc.ProcessProvider, "_retrieve_credentials_using",
                        lambda self, command: {"access_key": "a", "secret_key": "b", "token": None, "expiry_time": None})
    monkeypatch.setattr(bc.AssumeRoleProvider, "_resolve_credentials_from_source", lambda self, *a: None)
    monkeypatch.setattr(bc.AssumeRoleProvider, "_resolve_credentials_from_profile", lambda self, *a: None)


def test_botocore_takes_what_the_walk_says(chain, tmp_path, monkeypatch):
    prepare(monkeypatch, tmp_path)
    rng = random.Random(20260731)
    (tmp_path / ".aws").mkdir()
    seen = {}
    for case in range(CASES):
        config = some_file(rng, "[default]") if rng.random() < 0.9 else b""
        credentials = some_file(rng, rng.choice(["[default]", "[other]"])) if rng.random() < 0.5 else b""
        boto = some_file(rng, "[Credentials]") if rng.random() < 0.4 else b""
        (tmp_path / ".aws/config").write_bytes(config)
        (tmp_path / ".aws/credentials").write_bytes(credentials)
        (tmp_path / ".boto").write_bytes(boto)
        env = {k: rng.choice(v) for k, v in VARIABLES.items() if rng.random() < 0.08}
        with monkeypatch.context() as m:
            for k, v in env.items():
                m.setenv(k, v)
            want = real(m)
        kind, where = chain(**env)["boto3"]
        got = "web-identity" if kind == "env-web-identity" else kind
        assert got == want, f"case {case}: {where}\n{env}\n--config {config!r}\n--credentials {credentials!r}\n--boto {boto!r}"
        seen[want] = seen.get(want, 0) + 1
    # A generator that always breaks the file would show nothing.
    assert set(seen) >= set(KINDS.values()) | {"broken", "nothing"}, seen
    assert seen["broken"] < CASES * 0.65, seen


@pytest.mark.parametrize("text, line", [
    (b"[default]\nrole_arn = x\n[default]\n", 3), (b"[default]\na = 1\nb = 2\na = 3\n", 4), (b"a = 1\n", 1), (b"\xef\xbb\xbf[default]\n", 1),
    (b"[default]\r\nx\r\n", 2), (b"[default]\na = \xff\n", 2), (b"[default]\nx = 1\n= 2\n", 3), (b"[default]\ns3 =\n  x\n", 2)])
def test_the_line_botocore_stumbles_over_is_named(chain, tmp_path, monkeypatch, text, line):
    prepare(monkeypatch, tmp_path)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_bytes(text)
    assert real(monkeypatch) == "broken"
    kind, where = chain()["boto3"]
    assert kind == "broken" and where.startswith(f"{tmp_path}/.aws/config:{line}:"), where
