# SPDX-License-Identifier: Apache-2.0
"""The verbs a person uses when signed in, all in one world: who am I, where do my credentials go, how do I get there."""
import json
import os
import pty
import re
import shutil
import subprocess

import pytest
from worldlib import CLI, ROOT, World, until


@pytest.fixture(scope="module")
def world():
    """Signed in, with its grant claimed and role dev fetched."""
    with World("--fault", "interval=1") as w:
        w.wait_claimed()
        w.credentials()
        yield w


def ok(world, *args, **kw):
    r = world.cli(*args, **kw)
    assert (r.returncode, r.stderr) == (0, ""), r
    return r.stdout


def one_line(r, code, *words):
    assert r.returncode == code and r.stderr.count("\n") == 1 and r.stderr.startswith("valetkey: "), r
    for w in words:
        assert w in r.stderr
    assert "Traceback" not in r.stderr


# ---- whoami

def test_whoami_is_what_sts_says(world):
    doc = json.loads(ok(world, "whoami", "--json", "dev"))
    assert doc["role"] == "dev" and doc["arn"].startswith("arn:aws:sts::123456789012:assumed-role/dev/") and doc["account"] == "123456789012"
    assert doc["user_id"].startswith("AROA") and len(doc["request_id"]) == 36
    before = world.stats("GetCallerIdentity")
    text = ok(world, "whoami", "dev")
    assert doc["arn"] in text and world.stats("GetCallerIdentity") == before + 1, "nobody was asked"


def test_whoami_says_what_sts_refuses(world):
    """A clock that is fifteen minutes off is put right by STS's own word; what STS refuses is told with its request id."""
    world.fault("sts.clock_skew=900")
    try:
        assert ":assumed-role/dev/" in ok(world, "whoami", "dev")
    finally:
        world.clear_all()
    world.fault("GetCallerIdentity.5xx")
    try:
        r = world.cli("whoami", "dev")
        assert r.returncode == 7, r
    finally:
        world.clear_all()


def test_whoami_identity_tells_claims_and_no_token(world):
    doc = json.loads(ok(world, "whoami", "--identity", "--json"))
    assert doc["iss"] == world.env["VALETKEY_SANDBOX_ISSUER"] and doc["sub"] == doc["claims"]["sub"] and doc["source_identity"] == "alice"
    assert {"key": "team", "value": "payments", "transitive": True} in doc["tags"] and doc["tags_refused"] is None
    assert 100 < doc["token_bytes"] < doc["token_bytes_max"] == 20000
    text = ok(world, "whoami", "--identity")
    assert "team = payments (transitive)" in text and f"{doc['token_bytes']} of 20000" in text
    assert "eyJ" not in text + json.dumps(doc), "that is the beginning of a token"
    one_line(world.cli("whoami", "--identity", "nobody"), 6, "nobody")


def test_signed_out_and_in_again_at_a_terminal(make_world):
    """Claims go with the grant. At a terminal the code is drawn and the time left is told; both are not for a dumb one, and Ctrl-C ends it."""
    w = make_world("--fault", "interval=1")
    w.wait_claimed()
    assert w.cli("logout").returncode == 0
    one_line(w.cli("whoami", "--identity"), 3, "valetkey login")
    one_line(w.cli("whoami", "dev"), 3)

    t = Terminal(w, "login", "--device", env={"TERM": "dumb", "LC_ALL": "C"}, out=True)
    t.wait_for("Waiting")
    t.type("\x03")
    assert t.end()[0] == -2 and "█" not in t.text and "\x1b" not in t.text

    t = Terminal(w, "login", "--device", env={"LC_ALL": "C.UTF-8"}, out=True)
    t.wait_for(" left. Ctrl-C cancels.")
    assert "█▀" in t.text
    code = re.search(r"enter the code\s+(\S+)", t.text)[1]
    w.control("approve", {"user_code": code, "user": "alice", "decision": "allow"})
    t.wait_for("Signed in.")
    assert t.end()[0] == 0
    assert "assumed-role/dev/" in ok(w, "whoami", "dev")


# ---- which role

@pytest.mark.parametrize("word, code, said", [("de", 0, ""), ("a", 5, "admin, audit"), ("", 5, "no role"), ("zz", 5, "valetkey roles"),
                                              ("dev\x1b[2J", 5, "no role"), ("d" * 5000, 5, "no role")])
def test_roles_by_their_beginning(world, word, code, said):
    r = world.cli("whoami", word)
    if code:
        one_line(r, code, said)
        assert "\x1b" not in r.stderr
    else:
        assert "assumed-role/dev/" in r.stdout


def test_the_role_around_us(world):
    assert "assumed-role/dev/" in ok(world, "whoami", env={"VALETKEY_ROLE": "dev"})
    one_line(world.cli("whoami", env={"VALETKEY_ROLE": "gone"}), 5, "gone")


class Terminal:
    """A verb at a terminal of its own; stdout stays a pipe."""

    def __init__(self, world, *args, env=(), out=False):
        self.fd, tty = pty.openpty()
        own = {"user": world.uid, "group": world.uid, "extra_groups": []} if ROOT else {}
        self.proc = subprocess.Popen(["/usr/bin/setsid", "--ctty", "--wait", CLI, *args], stdin=tty, stdout=tty if out else subprocess.PIPE, stderr=tty, text=True, cwd="/",
                                     env={**world.env, "TERM": "xterm", **dict(env)}, **own)
        os.close(tty)
        self.text = ""

    def wait_for(self, what):
        def look():
            if what not in self.text:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
            return what in self.text
        until(f"{what!r} on the terminal, where there is {self.text!r}", look)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        out, _ = self.proc.communicate(timeout=20)
        os.close(self.fd)
        return self.proc.returncode, out


@pytest.mark.parametrize("typed, role", [(["3"], "dev"), (["dev"], "dev"), (["a", "au"], "audit"), (["99", "zz", "2"], "audit")])
def test_a_role_is_picked_from_a_list(world, typed, role):
    t = Terminal(world, "credentials", "--format=json")
    t.wait_for("3  dev")
    for line in typed:
        t.wait_for("): ")
        t.text = ""
        t.type(line + "\n")
    code, out = t.end()
    assert code == 0 and json.loads(out)["Role"] == role


def test_nothing_is_picked(world):
    t = Terminal(world, "credentials")
    t.wait_for("): ")
    t.type("\x04")
    assert t.end() == (15, "")


# ---- credentials

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION")


@pytest.mark.parametrize("name, shell, script", [
    ("env", "sh", '. "$1"; env'), ("env", "bash", '. "$1"; env'), ("env", "zsh", '. "$1"; env'),
    ("env-no-export", "sh", 'set -a; . "$1"; env'), ("dotenv", "sh", 'set -a; . "$1"; env'),
    ("fish", "fish", "source $argv[1]; env"), ("csh", "tcsh", "source $1; env")])
def test_credentials_for_shells(world, tmp_path, name, shell, script):
    path = shutil.which(shell)
    if not path:
        pytest.skip(f"{shell} is not installed")
    file, program = tmp_path / "keys", tmp_path / "program"
    file.write_text(ok(world, "credentials", "--format", name, "dev"))
    program.write_text(script.replace("$1", str(file)).replace("$argv[1]", str(file)))
    r = subprocess.run([path, str(program)], env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
    made = dict(line.split("=", 1) for line in r.stdout.splitlines() if "=" in line)
    doc = json.loads(ok(world, "credentials", "dev"))
    assert [made[k] for k in KEYS] == [doc[k] for k in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")]


def test_credentials_documents(world):
    assert ok(world, "credentials", "dev") == world.shim("dev").stdout
    doc = json.loads(ok(world, "credentials", "--json", "de"))
    assert doc["Role"] == "dev" and doc["AccessKeyId"].startswith("ASIA") and set(doc) == {"Role", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    text = ok(world, "credentials", "--format=powershell", "dev")
    assert re.fullmatch(r"(\$Env:AWS_[A-Z_]+ = '[\x21-\x26\x28-\x7e]+'\n){4}", text)


def test_options_may_stand_behind_the_role(world):
    assert ok(world, "credentials", "dev", "--format", "powershell") == ok(world, "credentials", "--format", "powershell", "dev")
    # but behind a command they are the command's
    assert ok(world, "exec", "dev", "echo", "--static", "--json") == "--static --json\n"


def test_no_credentials_where_there_are_none(world):
    r = world.cli("credentials", "zz")
    one_line(r, 5)
    assert r.stdout == ""
    r = world.cli("credentials", "--format", "xml", "dev")
    assert (r.returncode, r.stdout) == (2, "")
    r = world.cli("credentials", "--min-ttl", "900000", "dev")
    assert r.returncode != 0 and r.stdout == ""


# ---- console

@pytest.fixture
def opener(world):
    """A browser that follows what it is asked to open, and writes down what it was asked and where it came to."""
    folder = f"{world.folder.path}/browser"
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    for n in ("asked", "came"):
        if os.path.exists(f"{folder}/{n}"):
            os.unlink(f"{folder}/{n}")
    with open(f"{folder}/xdg-open", "w", encoding="utf-8") as f:
        f.write(f"""#!/usr/bin/python3
import sys, urllib.error, urllib.request
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None
o = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({{}}))
def go(url):
    try:
        o.open(url, timeout=10)
    except urllib.error.HTTPError as e:
        return e.code, e.headers.get("Location")
    except OSError:
        return 0, None
open("{folder}/asked", "w").write(sys.argv[1])
assert go(sys.argv[1] + "x")[0] == 404
first = go(sys.argv[1])
second = go(sys.argv[1])
open("{folder}/came", "w").write(repr((first, second, go(first[1]))))
""")
    os.chmod(f"{folder}/xdg-open", 0o755)
    return folder


def test_console_in_the_browser(world, opener):
    """The secret is in no argument: what xdg-open gets is an address that is good once."""
    there = "https://console.aws.amazon.com/s3/home?region=eu-central-1"
    r = world.cli("console", "--open", "--endpoint", f"{world.base}/federation", "--destination", there, "dev",
                  env={"PATH": f"{opener}:{world.env['PATH']}"})
    assert (r.returncode, r.stdout) == (0, ""), r
    came = until("the browser to have come somewhere", lambda: os.path.exists(f"{opener}/came") and open(f"{opener}/came", encoding="utf-8").read())
    first, second, last = eval(came)  # noqa: S307  what our own script wrote
    asked = open(f"{opener}/asked", encoding="utf-8").read()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}", asked)
    assert first[0] == 302 and "SigninToken=" in first[1] and second[0] in (0, 404) and last == (302, there)
    token = re.search("SigninToken=([0-9a-f]+)", first[1])[1]
    assert not [n for n, text in world.all_logs().items() if token in text], "a log has the token"


def test_console_is_printed_when_asked(world):
    r = world.cli("console", "--print", "--endpoint", f"{world.base}/federation", "dev")
    assert (r.returncode, r.stderr) == (0, "")
    assert re.fullmatch(re.escape(world.base) + r"/federation\?Action=login&Issuer=valetkey&Destination=https%3A%2F%2Fconsole\.aws\.amazon\.com%2Fconsole%2Fhome"
                        r"%3Fregion%3Deu-central-1&SigninToken=[0-9a-f]{64}\n", r.stdout)


def test_console_refuses(world):
    endpoint = ["--endpoint", f"{world.base}/federation"]
    one_line(world.cli("console", *endpoint, "dev", env={"DISPLAY": "", "WAYLAND_DISPLAY": ""}), 11, "--print")
    one_line(world.cli("console", "--print", "--endpoint", "http://signin.example/federation", "dev"), 2)
    one_line(world.cli("console", "--print", *endpoint, "--destination", "javascript:alert(1)", "dev"), 2)
    assert world.cli("console", "--print", "--open", *endpoint, "dev").returncode == 2
    one_line(world.cli("console", "--open", *endpoint, "dev", env={"PATH": "/nonexistent"}), 11, "--print")
    for fault, code in (("federation.getSigninToken.garbage=1", 10), ("federation.getSigninToken.5xx=1", 7), ("federation.getSigninToken.empty=1", 10)):
        world.fault(fault)
        try:
            r = world.cli("console", "--print", *endpoint, "dev")
            one_line(r, code)
            assert r.stdout == "" and "SigninToken" not in r.stderr.replace("no SigninToken", "")
        finally:
            world.clear_all()


# ---- log

def test_log(world):
    """Who got what, through which door; and no secret."""
    keys = world.credentials()
    before = {(h["door"], h["exe"]): h["times"] for h in json.loads(ok(world, "log", "--json"))["handouts"] if h["access_key_id"] == keys["AccessKeyId"]}
    world.credentials()
    doc = json.loads(ok(world, "log", "--json"))
    last = doc["handouts"][-1]
    assert doc["version"] == 1 and doc["forgotten"] == 0
    assert (last["role"], last["door"], last["access_key_id"], last["app"]) == ("dev", "socket", keys["AccessKeyId"], None)
    assert last["exe"].endswith("/valetkey-credential-process") and len(last["request_id"]) == 36
    assert last["times"] == before[("socket", last["exe"])] + 1 and last["first_at"] <= last["at"]
    text = ok(world, "log")
    assert keys["AccessKeyId"] in text and "valetkey-credential-process[" in text
    for secret in (keys["SecretAccessKey"], keys["SessionToken"]):
        assert secret not in text + json.dumps(doc)


# ---- status, watched

def test_status_is_watched_on_a_terminal(world):
    t = Terminal(world, "status", "--watch", env={"LC_ALL": "C.UTF-8"}, out=True)
    t.wait_for("\x1b[J")
    assert "TIME LEFT" in t.text and "█" in t.text and "ENDS IN" in t.text
    t.text = ""
    t.wait_for("\x1b[J")
    assert "\x1b[2J" not in t.text, "it is drawn over, not cleared"
    lines = re.sub(r"\x1b\[[0-9]*[A-Z]", "", t.text).splitlines()
    assert max(map(len, lines)) <= 80
    t.type("\x03")
    assert t.end()[0] == -2
    plain = ok(world, "status", "--watch")
    assert "\x1b" not in plain and "ROLE ARN" in plain and "█" not in plain


# ---- completion

COMPLETIONS = os.path.abspath(f"{os.path.dirname(__file__)}/../../completions")
WANTED = [("valetkey token e", {"eks"}), ("valetkey service-url s", {"signin", "sso", "sts"}), ("valetkey proxy --to x a", {"admin", "audit"}),
          ("valetkey curl d", {"dev"}), ("valetkey who", {"whoami"}), ("valetkey whoami a", {"admin", "audit"}), ("valetkey whoami --ide", {"--identity"}),
          ("valetkey credentials --format dot", {"dotenv"}), ("valetkey exec --isolated d", {"dev"})]


def complete(world, shell, line):
    path = {"PATH": f"{os.path.dirname(CLI)}:{os.environ['PATH']}"}
    if shell == "bash":
        script = (f'. {COMPLETIONS}/valetkey.bash; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _valetkey; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        r = world.run("/bin/bash", "--norc", "-c", script, env=path)
    elif shell == "fish":
        r = world.run("/usr/bin/fish", "--no-config", "-c", f"source {COMPLETIONS}/valetkey.fish; complete -C '{line}'", env={**path, "HOME": "/nonexistent"})
    else:  # compadd is zsh's own only while a line is edited: here it says what it would be given
        words = line.split(" ")
        script = ('compadd() { local -a o; if [[ $1 == -a ]]; then o=("${(@P)@[-1]}"); else [[ $1 == -- ]] && shift; o=("$@"); fi; '
                  'print -rl -- ${(M)o:#$PREFIX*} }; '
                  f'words=({line}); CURRENT={len(words)}; PREFIX={words[-1]}; . {COMPLETIONS}/_valetkey')
        r = world.run("/usr/bin/zsh", "-f", "-c", script, env=path)
    return {w.split("\t")[0].strip() for w in r.stdout.splitlines()} - {""}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(world, shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    for line, want in WANTED:
        assert complete(world, shell, line) == want, (shell, line)


def test_completion_starts_no_broker(world):
    one_line(world.cli("roles", "--names", env={"XDG_RUNTIME_DIR": f"{world.folder.path}/nowhere"}), 23)
    assert ok(world, "roles", "--names") == "admin\naudit\ndev\n"
