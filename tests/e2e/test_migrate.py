# SPDX-License-Identifier: Apache-2.0
"""valetkey migrate: profiles of aws sso, granted and aws-vault keep their names and their other settings, what has no counterpart is
listed and left, and --undo brings back every byte."""
import json
import os
import stat

import pytest
from worldlib import CLI, ROOT, SHIM

UNSET = ["-u", "AWS_CONFIG_FILE", "-u", "AWS_SHARED_CREDENTIALS_FILE"]
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CONFIG = """# my profiles
[sso-session corp]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1

[profile payments-dev]
sso_session = corp
sso_account_id = {account}
# which set
sso_role_name = {name}
region = eu-west-3

[profile granted-dev]
granted_sso_start_url = https://example.awsapps.com/start
granted_sso_region = eu-central-1
granted_sso_account_id = {account}
granted_sso_role_name = {name}
credential_process = granted credential-process --profile granted-dev
output = json

[profile vault-base]
mfa_serial = arn:aws:iam::{account}:mfa/alice

[profile vault-dev]
role_arn = {arn}
source_profile = vault-base
mfa_serial = arn:aws:iam::{account}:mfa/alice
s3 =
  max_concurrent_requests = 20

[profile process-dev]
credential_process = "/opt/aws-vault" exec --json --no-session vault-dev

[profile elsewhere]
sso_session = corp
sso_account_id = 999999999999
sso_role_name = Nobody

[profile keys]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = {secret}

[profile ours]
credential_process = {shim} dev

[default]
sso_start_url = https://example.awsapps.com/start
sso_account_id = {account}
sso_role_name = {name}"""


@pytest.fixture
def home(shared_world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    for p in (folder, folder.parent, folder.parent.parent):
        os.chmod(p, 0o755)
    (folder / ".aws").mkdir(mode=0o700)
    roles = json.loads(shared_world.cli("status", "--json").stdout)["roles"]
    arn = next(r["role_arn"] for r in roles if r["name"] == "dev")
    facts = {"arn": arn, "account": arn.split(":")[4], "name": arn.rpartition("/")[2], "secret": SECRET, "shim": SHIM}

    class Home:
        config = folder / ".aws/config"
        text = CONFIG.format(**facts)
        kept = folder / ".aws/config.before-valetkey"

        @staticmethod
        def own():
            for p in (folder, folder / ".aws", *(folder / ".aws").iterdir()):
                if ROOT:
                    os.lchown(p, shared_world.uid, shared_world.uid)

        def write(self, text, name="config"):
            (folder / ".aws" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
            self.own()

        @staticmethod
        def run(*words, verb="migrate"):
            return shared_world.run("/usr/bin/env", *UNSET, CLI, verb, *words, env={"HOME": str(folder)})

        def json(self, *words):
            r = self.run("--json", *words)
            assert r.returncode == 0, r.stderr
            return json.loads(r.stdout)
    h = Home()
    h.own()
    return h


def test_names_stay_and_the_way_is_another(home, shared_world):
    home.write(home.text)
    home.write(f"[old]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET}\n[session]\naws_access_key_id = ASIA\n"
               "aws_secret_access_key = x\naws_session_token = y\n", "credentials")
    home.config.chmod(0o640)
    dry = home.json("--dry-run")
    assert home.config.read_text() == home.text and not home.kept.exists() and dry["changed"] is False and dry["backup"] is None
    doc = home.json()
    assert {m["profile"]: (m["tool"], m["role"]) for m in doc["migrated"]} == {
        "payments-dev": ("aws-sso", "dev"), "granted-dev": ("granted", "dev"), "vault-dev": ("aws-vault", "dev"),
        "process-dev": ("aws-vault", "dev"), "default": ("aws-sso", "dev")}
    assert [m["profile"] for m in doc["without_counterpart"]] == ["elsewhere"]
    assert [(k["section"], os.path.basename(k["file"])) for k in doc["long_lived_keys"]] == [("profile keys", "config"), ("old", "credentials")]
    assert doc["diff"] == dry["diff"] and doc["backup"] == str(home.kept) and SECRET not in json.dumps(doc) and "AKIA" not in json.dumps(doc)
    text = home.config.read_text()
    assert text.startswith("# my profiles\n[sso-session corp]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-central-1\n\n"
                           f"[profile payments-dev]\ncredential_process = {SHIM} dev\n# which set\nregion = eu-west-3\n\n[profile granted-dev]\n"
                           f"credential_process = {SHIM} dev\noutput = json\n\n[profile vault-base]\nmfa_serial = ")
    assert f"[profile vault-dev]\ncredential_process = {SHIM} dev\ns3 =\n  max_concurrent_requests = 20\n\n[profile process-dev]\n" in text
    assert text.endswith(f"[default]\ncredential_process = {SHIM} dev\n") and "[profile elsewhere]\nsso_session = corp\n" in text
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o640 and stat.S_IMODE(home.kept.stat().st_mode) == 0o600
    shared_world.wait_claimed()
    r = shared_world.run("/usr/bin/env", *UNSET, "/usr/bin/python3", "-c",
                         "import botocore.session as s\nfor p in ('payments-dev', 'granted-dev', 'vault-dev', 'process-dev', 'default'):\n"
                         "  print(s.Session(profile=p).get_credentials().access_key[:4])", env={"HOME": str(home.config.parent.parent)})
    assert r.stdout == "ASIA\n" * 5, r.stderr
    assert home.json()["migrated"] == [], "said again, there is nothing left to do"
    assert home.run("--undo").returncode == 0
    assert home.config.read_text() == home.text and not home.kept.exists()


def test_the_diff_is_one(home, tmp_path):
    home.write(home.text)
    diff = home.json("--dry-run")["diff"]
    (tmp_path / "config").write_text(home.text)
    (tmp_path / "diff").write_text(diff)
    home.json()
    removed = [line[1:] for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert sorted(removed + home.config.read_text().splitlines()) == sorted(home.text.splitlines() + [f"credential_process = {SHIM} dev"] * 5)
    assert diff.startswith("--- ") and "@@ -7,2 +7,1 @@\n-sso_session = corp\n" in diff


def test_undo_takes_nothing_away(home):
    home.write(home.text)
    r = home.run("--undo")
    assert r.returncode == 11 and "nothing was migrated" in r.stderr
    home.json()
    home.write(home.config.read_bytes() + b"\n[profile new]\nregion = x\n")
    changed = home.config.read_bytes()
    r = home.run("--undo")
    assert r.returncode == 11 and "has been changed since" in r.stderr and str(home.kept) in r.stderr and home.config.read_bytes() == changed
    home.write(changed + b"\n[profile more]\nsso_account_id = " + home.text.split("sso_account_id = ")[1][:12].encode() + b"\nsso_role_name = "
               + home.text.split("sso_role_name = ")[1].split("\n")[0].encode() + b"\n")
    r = home.run()
    assert r.returncode == 11 and "is there already" in r.stderr


@pytest.mark.parametrize("eol", ["\r\n", "\r"], ids=["crlf", "cr"])
def test_other_line_ends(home, eol):
    text = home.text.replace("\n", eol)
    home.write(text)
    home.json()
    assert home.config.read_bytes().count(b"\n") == (text.count("\n") and home.config.read_bytes().count(b"\r\n"))
    assert f"credential_process = {SHIM} dev{eol}output = json{eol}".encode() in home.config.read_bytes()
    assert home.run("--undo").returncode == 0 and home.config.read_bytes() == text.encode()


@pytest.mark.parametrize("data, word", [(b"[default]\nx = \0", "zero byte"), (b"x" * (10 << 20), "larger"), (b"\xff\xfe[profile a]\nsso_account_id", "")],
                         ids=["zero", "large", "binary"])
def test_hostile_files(home, data, word):
    home.write(data)
    r = home.run()
    assert r.returncode == (11 if word else 0) and word in r.stderr and r.stderr.count("\n") == (1 if word else 0)
    assert home.config.read_bytes() == data and not home.kept.exists()


def test_no_file_and_usage(home):
    r = home.run()
    assert r.returncode == 0 and "no profile to migrate" in r.stdout and not home.config.exists()
    assert home.run("--undo", "--dry-run").returncode == 2 and home.run("word").returncode == 2
    home.write(home.text)
    out = home.run("--dry-run").stdout
    assert "-sso_session = corp\n" in out and "has no counterpart" in out and "a long-lived key in [profile keys]" in out and SECRET not in out
