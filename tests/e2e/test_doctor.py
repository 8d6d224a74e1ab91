# SPDX-License-Identifier: Apache-2.0
"""valetkey doctor: what is right is not called wrong, each thing that is made wrong is found, by file and line, and no secret is printed."""
import json
import os

import pytest
from worldlib import CLI, ROOT, SHIM


@pytest.fixture
def look(shared_world, tmp_path_factory):
    """look(*words, home={file: text}, **environment): {check: (state, text, mend)}"""
    shared_world.wait_claimed()
    shared_world.credentials()
    empty = tmp_path_factory.mktemp("machine")
    for p in (empty, empty.parent, empty.parent.parent):
        os.chmod(p, 0o755)

    def run(*words, code=None, files=None, unset=(), **env):
        for name, text in (files or {}).items():
            path = empty / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            path.chmod(0o644)
        unset = [w for v in unset for w in ("-u", v)]
        if not any(w.startswith("--sdk") for w in words):
            words = ("--pam", str(empty / "pam.d"), "--sshd", str(empty / "sshd_config"), *words)
        r = shared_world.run("/usr/bin/env", *unset, CLI, "--config", f"{shared_world.dir}/etc/valetkey.conf", "doctor", "--json", *words,
                             env={"HOME": str(empty), **{k: v.replace("HERE", str(empty)) for k, v in env.items()}})
        doc = json.loads(r.stdout)
        assert doc["version"] == 1 and doc["wrong"] == sum(f["state"] == "wrong" for f in doc["findings"])
        assert r.returncode == (11 if doc["wrong"] else 0) and (code is None or code == r.returncode), r.stdout
        assert all(f["mend"] or f["state"] != "wrong" for f in doc["findings"]), "wrong, and nothing mends it"
        found = {f["check"]: (f["state"], f["text"], f["mend"]) for f in doc["findings"]}
        assert len(found) == len(doc["findings"]), "two findings of one name"
        return found
    run.folder = str(empty)
    return run


def states(found, *but):
    return {k: v for k, v in found.items() if v[0] == "wrong" and k not in but}


def test_a_world_in_order(look, shared_world):
    found = look(code=0)
    assert not states(found)
    for check in ("broker", "config", "shim", "endpoint", "identity:sandbox", "provider:sandbox", "clock:sandbox", "device:sandbox", "pkce:sandbox",
                  f"sts:{shared_world.base}", "sdk:boto3", "sdk:java-v2", "profile:dev"):
        assert found[check][0] == "ok", (check, found[check])
    for check in ("pam", "sshd"):
        assert found[check][0] == "unknown", found[check]
    r = shared_world.run(CLI, "--config", f"{shared_world.dir}/etc/valetkey.conf", "doctor", env={"HOME": look.folder})
    assert r.returncode == 0 and "ok       broker: " in r.stdout and r.stderr == ""


NOTHING = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT")
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_what_stands_in_front(look):
    keys = f"[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {SECRET}\n\n[dev]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = x\n"
    ours = f"[default]\ncredential_process = {SHIM} dev\n\n[profile dev]\nregion = x\ncredential_process = {SHIM} dev\n"
    found = look(code=11, unset=NOTHING, files={".aws/config": ours, ".aws/credentials": keys})
    here = f"{look.folder}/.aws"
    state, text, mend = found["sdk:boto3"]
    assert state == "wrong" and f"{here}/credentials:2: aws_access_key_id wins" in text and f"{here}/config:2 is never asked" in text and mend
    assert found["sdk:java-v2"][0] == "ok", "Java asks the process first"
    assert "credentials:6" in found["profile:dev"][1] and "config:6 is never asked" in found["profile:dev"][1] and "java" not in found["profile:dev"][1]
    assert SECRET not in str(found) and "AKIDEXAMPLE" not in str(found)
    assert set(found := look("--sdk", "java-v2", unset=NOTHING)) == {"sdk:java-v2", "profile:default", "profile:dev"}
    assert found["sdk:java-v2"][0] == "ok"


@pytest.mark.parametrize("env, word", [({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}, "the variable AWS_ACCESS_KEY_ID"),
                                       ({"AWS_PROFILE": "nowhere"}, "AWS_PROFILE"),
                                       ({"AWS_CONFIG_FILE": "/nonexistent"}, "there is no source"),
                                       ({"AWS_CONFIG_FILE": "/nonexistent", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/x"}, "AWS_CONTAINER"),
                                       ({"AWS_CONFIG_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "false"}, "METADATA")],
                         ids=["keys", "no-profile", "nothing", "another-container", "imds"])
def test_the_environment(look, shared_world, env, word):
    if "AWS_EC2_METADATA_DISABLED" in env:  # valetkey's own port is a door of ours, somebody else's is not
        found = look("--sdk", "go-v2", **env)
        assert found["sdk:go-v2"][0] == "ok", found
        env = {**env, "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://169.254.169.254/"}
    found = look("--sdk", "boto3", code=11, **env)
    assert word in found["sdk:boto3"][1] and SECRET not in str(found), found
    assert shared_world.pids("valetkey-broker")


def test_a_shim_that_is_gone(look):
    found = look(unset=NOTHING, files={".aws/config": "[default]\ncredential_process = /nonexistent/valetkey-credential-process dev\n"})
    assert found["profile:default"][0] == "wrong" and ".aws/config:2: /nonexistent/" in found["profile:default"][1]


@pytest.mark.parametrize("data, word", [(b"[default]\nnothing\n", ":2"), (b"x\0y", "zero byte"), (b"# x\n" * (3 << 20), "larger than"), (None, "folder")],
                         ids=["line", "zero", "large", "folder"])
def test_hostile_files(look, data, word):
    if data is None:
        os.makedirs(f"{look.folder}/aws", exist_ok=True)
    found = look(code=11, files={} if data is None else {"aws": data}, AWS_CONFIG_FILE="HERE/aws")
    assert any(word in t for _, t, _ in states(found).values()), found


def test_pam_stacks(look):
    common = "session required pam_unix.so\nsession optional pam_systemd.so\n"
    found = look(files={"pam.d/common-session": common,
                        "pam.d/good": "auth sufficient pam_valetkey.so\n@include common-session\nsession optional pam_valetkey.so\n",
                        "pam.d/early": "# x\nsession optional /lib/security/pam_valetkey.so\n@include common-session\n",
                        "pam.d/circle": "session include circle\n-session [success=ok default=ignore] pam_valetkey.so why\n",
                        "pam.d/half": "auth [success=1 default=ignore] pam_valetkey.so\n@include common-session\n",
                        "pam.d/asks": "auth [success=1 default=ignore] pam_valetkey.so\nsession required pam_unix.so\n",
                        "pam.d/deep": "auth include once\naccount include once\npassword include once\nsession include once\n",
                        "pam.d/once": "@include common-auth\n@include common-account\n@include common-session\nsession optional pam_valetkey.so\n",
                        "pam.d/common-auth": "auth sufficient pam_valetkey.so\n", "pam.d/common-account": "account required pam_unix.so\n",
                        "pam.d/other": "session optional pam_permit.so\n", "pam.d/good.dpkg-old": "session optional pam_valetkey.so\n",
                        "sshd_config": "Include sshd.d/*.conf\nLoginGraceTime 2h\n", "sshd.d/1.conf": "logingracetime=30\n"})
    assert found["pam:good"][0] == "ok" and "good:3" in found["pam:good"][1]
    assert found["pam:early"][0] == "wrong" and "early:2" in found["pam:early"][1] and "common-session:2" in found["pam:early"][1]
    assert found["pam:half"][0] == "wrong" and "half:1" in found["pam:half"][1]
    assert found["pam:asks"][0] == "ok" and "asks:1" in found["pam:asks"][1] and "no session" in found["pam:asks"][1], "as sudo does"
    assert found["pam:deep"][0] == "ok" and "once:4" in found["pam:deep"][1], "as su-l of Debian: 17 files"
    assert found["pam:circle"][0] == "unknown" and not {"pam:other", "pam:good.dpkg-old", "pam:common-session"} & set(found)
    assert found["sshd"][0] == "wrong" and "sshd.d/1.conf:1: LoginGraceTime is 30 s" in found["sshd"][1] and "LoginGraceTime " in found["sshd"][2]
    for text, state in (("LoginGraceTime 1h30m\n", "ok"), ("LoginGraceTime 0\n", "ok"), ("Match User x\nLoginGraceTime 9999\n", "wrong")):
        assert look(files={"sshd_config": text})["sshd"][0] == state, text


def test_the_provider_and_sts(look, shared_world):
    # the status is what the whole site answers with while it is down
    conf = f"{look.folder}/valetkey.conf"
    with open(f"{shared_world.dir}/etc/valetkey.conf", encoding="utf-8") as f:
        text = f.read()
    text = text.replace(shared_world.env["VALETKEY_SANDBOX_ISSUER"], "http://127.0.0.1:9/oidc")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(conf, 0o644)
    if ROOT:
        os.chown(conf, shared_world.uid, shared_world.uid)
    r = shared_world.run(CLI, "--config", conf, "doctor", "--json", env={"HOME": look.folder})
    found = {f["check"]: f for f in json.loads(r.stdout)["findings"]}
    assert r.returncode == 11 and found["provider:sandbox"]["state"] == "wrong" and "127.0.0.1:9" in found["provider:sandbox"]["text"]
    with open(conf, "a", encoding="utf-8") as f:
        f.write("nonsense\n")
    r = shared_world.run(CLI, "--config", conf, "doctor", "--json", env={"HOME": look.folder})
    found = {f["check"]: f for f in json.loads(r.stdout)["findings"]}
    assert f"{conf}:{text.count(chr(10)) + 1}" in found["config"]["text"] and found["provider"]["state"] == "unknown"


def test_clocks_and_codes(look, shared_world):
    shared_world.fault("clock_skew=400")
    found = look()
    assert "clock" in " ".join(states(found)), found
    assert "400 s behind" in str(found) or "399 s behind" in str(found)


def test_usage(shared_world):
    for words in (["--sdk", "perl"], ["--bad"], ["word"]):
        r = shared_world.cli("doctor", *words)
        assert r.returncode == 2 and "Usage" in r.stderr and r.stdout == ""
