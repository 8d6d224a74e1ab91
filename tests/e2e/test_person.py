# SPDX-License-Identifier: Apache-2.0
"""What a person meets at the terminal: lines that fit it, colours where they are wanted, his language, and one clear line for whatever
was typed wrong or lies around broken."""
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios

import pytest
from worldlib import BUILD, CLI, World

TOP = os.environ.get("VALETKEY_TOP", ".")
READERS = [("status", "--json"), ("roles", "--json"), ("log", "--json"), ("whoami", "--identity", "--json"), ("doctor", "--sdk", "boto3", "--json"),
           ("why", "dev", "--json"), ("container-args", "--json", "dev"), ("configure", "--json")]
VERBS = [re.match(r"  ([a-z][a-z-]*)", line)[1] for line in subprocess.run([CLI, "--help"], capture_output=True, text=True, check=True).stdout.splitlines()
         if re.match(r"  [a-z]", line)]


@pytest.fixture(scope="module")
def world():
    """Signed in, with its grant claimed and role dev fetched."""
    with World("--fault", "interval=1") as w:
        w.wait_claimed()
        w.credentials()
        yield w


@pytest.fixture
def folder(tmp_path):
    for p in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(p, 0o755)
    os.chmod(tmp_path, 0o777)
    return tmp_path


def shown(world, columns, *argv, env=None):
    """What the program writes to a terminal of that width; -> (text, exit code)"""
    lead, tail = pty.openpty()
    fcntl.ioctl(tail, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    p = world.start(CLI, *argv, stdin=tail, stdout=tail, stderr=tail, env={"TERM": "xterm", **(env or {})})
    os.close(tail)
    out = b""
    while True:
        try:
            part = os.read(lead, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(lead)
    return out.decode().replace("\r\n", "\n"), p.wait(timeout=30)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# ---- width and colours

@pytest.mark.parametrize("columns", [80, 40])
def test_lines_fit_the_terminal(world, columns):
    """No line is longer, but for one word that is; and nothing is lost of the sentences."""
    for argv in (["status"], ["doctor"], ["why", "dev"], ["whoami", "--identity"], ["exec", "nowhere", "true"], *[[v, "--help"] for v in VERBS], ["--help"]):
        text = plain(shown(world, columns, *argv)[0])
        if argv == ["why", "dev"]:
            text = text[:text.index("A trust policy")]  # a document, for copying
        for line in text.splitlines():
            assert len(line) <= columns or len(max(line.split(), key=len)) > columns - 20, (argv, line)
    text, code = shown(world, columns, "exec", "nowhere", "true")
    assert code == 5 and text.split() == world.cli("exec", "nowhere", "true").stderr.split()


def test_a_pipe_has_whole_lines(world):
    text = world.cli("status").stdout
    assert "\x1b" not in text and re.search(r"^dev +valid .* arn:aws:iam::\d{12}:role/dev$", text, re.M), text
    assert "ROLE ARN" not in shown(world, 60, "status")[0], "what does not fit is left out whole"
    assert all(len(line) <= 80 for line in world.cli("exec", "--help").stdout.splitlines())
    r = world.cli("exec")
    assert r.returncode == 2 and r.stderr.count("\n") == 2, "what is wrong, and the usage: a line each"


def test_colours_are_for_terminals_that_want_them(world):
    text = shown(world, 100, "status")[0]
    assert "\x1b[32msigned-in\x1b[0m" in text and "\x1b[32mvalid\x1b[0m" in text
    assert "\x1b[31mWRONG\x1b[0m" in shown(world, 100, "doctor", "--sdk", "boto3", env={"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "b"})[0]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
        for argv in (["status"], ["status", "--watch"] if "TERM" in env else ["status"], ["doctor", "--sdk", "boto3"], ["why", "dev"]):
            assert "\x1b" not in shown(world, 100, *argv, env=env)[0], (env, argv)
    assert "\x1b[32m" in shown(world, 100, "status", env={"NO_COLOR": ""})[0], "no-color.org: when not empty"


def test_columns_stay_under_their_heads(world):
    """Colours take no room."""
    head, row = plain(shown(world, 100, "status")[0]).splitlines()[:2]
    assert head.index("STATE") == row.index("signed-in") and head.index("WHO") == row.index("alice")


# ---- language

@pytest.fixture(scope="module")
def language(tmp_path_factory):
    """English with an accent: every sentence that can be translated has an é for each e. -> a folder for /usr/share/locale"""
    if os.geteuid() != 0:
        pytest.skip("needs root: a catalogue has to lie in /usr/share/locale")
    for tool in ("xgettext", "msgen", "msgfilter", "msgfmt", "bwrap"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    top = tmp_path_factory.mktemp("locale")
    for p in (top, top.parent, top.parent.parent):
        os.chmod(p, 0o755)
    os.makedirs(f"{top}/xx/LC_MESSAGES")
    subprocess.run(["make", "-s", "-C", TOP, f"B={top}/build", "pot"], check=True, capture_output=True)
    po = subprocess.run(f"msgen {top}/build/valetkey.pot | msgfilter --keep-header sed -e s/e/é/g", shell=True, check=True, capture_output=True).stdout
    subprocess.run(["msgfmt", "--check-format", "-o", f"{top}/xx/LC_MESSAGES/valetkey.mo", "-"], input=po, check=True, capture_output=True)
    return str(top)


def translated(world, language, *argv, **kw):
    env = {"LC_ALL": "C.UTF-8", "LANGUAGE": "xx", **kw.pop("env", {})}
    return world.run("/usr/bin/bwrap", "--dev-bind", "/", "/", "--bind", language, "/usr/share/locale", *argv, env=env, **kw)


def test_sentences_are_in_the_persons_language(world, language):
    for verb in VERBS:
        r = translated(world, language, CLI, verb, "--help")
        assert "é" in r.stdout and r.returncode == 0, verb
    r = translated(world, language, CLI, "status")
    assert "SDKs find crédéntials at http" in r.stdout, r
    r = translated(world, language, CLI, "exec", "nowhere", "true")
    assert r.returncode == 5 and r.stderr == "valetkey: no rolé 'nowhere' is configuréd; séé: valétkéy rolés\n"
    r = translated(world, language, CLI, "why", "dev")
    assert "thé rolé's crédéntials comé" in r.stdout
    assert "with évéry SDK" in translated(world, language, CLI, "doctor", "--sdk", "boto3").stdout
    # not where a locale has no translations, and not for what programs read
    assert "é" not in translated(world, language, CLI, "status", env={"LC_ALL": "C"}).stdout


def test_json_is_the_same_in_every_language(world, language):
    for argv in READERS:
        here, there = (run(CLI, *argv) for run in (world.run, lambda *a: translated(world, language, *a)))
        assert here.returncode == there.returncode and "é" not in there.stdout + there.stderr, argv
        assert json.loads(here.stdout).keys() == json.loads(there.stdout).keys() if isinstance(json.loads(here.stdout), dict) else json.loads(here.stdout)
    r = translated(world, language, CLI, "whoami", "--json", "nowhere")
    assert r.returncode == 5 and json.loads(r.stdout)["message"].startswith("no role") and "é" not in r.stderr
    assert "é" not in translated(world, language, f"{BUILD}/valetkey-credential-process", "nowhere").stderr


# ---- what people are used to

def test_help_stands_anywhere(world):
    for argv in (["help"], ["-h"], ["--help"]):
        assert world.cli(*argv).stdout == world.cli("--help").stdout != "", argv
    for argv in (["help", "exec"], ["exec", "-h"], ["exec", "--help"]):
        assert world.cli(*argv).stdout.startswith("Usage: valetkey exec "), argv
    assert world.cli("exec", "dev", "--", "/bin/echo", "-h").stdout == "-h\n", "what stands behind the command is the command's"
    assert world.cli("help", "nonsense").returncode == 2


@pytest.mark.parametrize("typed, meant", [("list", "roles"), ("add", "login"), ("assume", "exec"), ("clear", "logout"), ("cred", "credentials"), ("st", "status")])
def test_other_tools_words_are_understood(world, typed, meant):
    r = world.cli(typed, "dev")
    assert r.returncode == 2 and r.stderr == f"valetkey: no verb '{typed}'; see: valetkey {meant} --help\n"


def test_exec_without_a_command_is_a_shell(world):
    """As with aws-vault; only where a person sits."""
    text, code = shown(world, 400, "exec", "dev", env={"SHELL": "/usr/bin/env"})
    assert code == 0 and "VALETKEY_ROLE=dev" in text and "/credentials/role/dev" in text
    assert "VALETKEY_ROLE=dev" in shown(world, 400, "exec", env={"SHELL": "/usr/bin/env", "VALETKEY_ROLE": "dev"})[0]
    assert shown(world, 80, "exec", "nowhere", env={"SHELL": "/usr/bin/env"})[1] == 5
    assert world.cli("exec", "dev", env={"SHELL": "/usr/bin/env"}).returncode == 2


# ---- what is typed wrong

WRONG = [
    (["nonsense"], 2, "no verb 'nonsense'"), ([""], 2, "no verb ''"), (["--nonsense"], 2, "nonsense"), (["status", "--nonsense"], 2, "nonsense"),
    (["status", "much", "too", "much"], 2, "too many"), (["status", "--watch", "--names"], 2, "Usage"), (["env", "--json", "dev"], 2, "json"),
    (["console", "--json"], 2, "json"), (["exec"], 2, "which role"), (["exec", "dev"], 2, "which command"),
    (["whoami", "nowhere"], 5, "no role 'nowhere'"), (["credentials", "\x1b[31m"], 5, "no role"), (["credentials", "a" * 5000], 5, "no role"),
    (["credentials", "\udcff"], 5, "no role"), (["exec", "nowhere", "true"], 5, "no role"), (["why", "nowhere"], 5, "no role"),
    (["configure", "nowhere"], 5, "no role"), (["container-args", "nowhere"], 5, "no role"), (["credential-process", "nowhere"], 5, "no role"),
    (["login", "nowhere"], 6, "nowhere"), (["logout", "nowhere"], 6, "nowhere"), (["whoami", "--identity", "nowhere"], 6, "nowhere"),
    (["login", "--callback-port", "80"], 2, "Usage"), (["credentials", "--min-ttl", "soon", "dev"], 2, "Usage"),
    (["credentials", "--min-ttl", "900000", "dev"], 11, "900000"), (["doctor", "--sdk", "cobol"], 2, "boto3"),
    (["exec", "dev", "--", "/nonexistent"], 127, "/nonexistent"), (["exec", "dev", "--", "/etc/passwd"], 126, "/etc/passwd"),
]


@pytest.mark.parametrize("argv, code, words", WRONG, ids=[" ".join(a)[:30].encode("ascii", "backslashreplace").decode() for a, _, _ in WRONG])
def test_wrong_words(world, argv, code, words):
    r = world.cli(*argv)
    assert r.returncode == code and r.stdout == "" and words in r.stderr, r
    lines = r.stderr.splitlines()
    assert lines[0].startswith(("valetkey: ", "Usage: ")) and len(lines) <= 2 and all(line.startswith("Usage: ") for line in lines[1:]), lines
    assert r.stderr.isprintable() or not set(r.stderr) & set("\x1b\x00\x07")


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, bytes(range(256)) * 64, b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", b"A" * (1 << 20)], ids=["empty", "nuls", "binary", "header", "long"])
@pytest.mark.parametrize("verb", ["sign", "verify"])
def test_binary_on_stdin(world, folder, verb, data):
    path = folder / "in"
    path.write_bytes(data)
    with open(path, "rb") as f:
        r = world.cli(verb, stdin=f)
    assert r.returncode == 2 and r.stdout == "" and r.stderr.count("\n") == 1 and r.stderr.startswith("valetkey: "), r


def test_the_page_has_the_exit_codes_there_are():
    """Scripts go by them: a number keeps its meaning."""
    with open(f"{TOP}/wire/outcome.c", encoding="utf-8") as f:
        table = {int(code): name for name, code in re.findall(r'\{"([a-z-]+)", (?:NULL|BUS_ERROR\("\w+"\)), (\d+),', f.read())}
    with open(f"{TOP}/docs/man/valetkey.1.scd", encoding="utf-8") as f:
        page = {int(code): name for code, name in re.findall(r"^\|\[? +(\d+)\n:\[? +([a-z-]+)\n", f.read(), re.M)}
    assert len(table) > 25 and len(page) > 18
    for code, name in page.items():
        assert table[code] == name, (code, name)
    assert page[3] == "needs-login" and page[4] == "access-denied" and page[11] == "misconfigured" and page[23] == "no-broker"


# ---- what lies around in ~/.aws

def make(path, kind):
    if kind == "long":
        path.write_text("[default]\nregion = " + "x" * 10_000_000 + "\n")
    elif kind == "nuls":
        path.write_bytes(b"[default]\nregion = a\0b\n")
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 64)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling":
        path.symlink_to(path.parent / "nowhere")
    elif kind == "unreadable":
        path.write_text("[default]\n")
        path.chmod(0)
    elif kind == "sparse":
        with open(path, "wb") as f:
            f.truncate(1 << 40)
    return path


@pytest.mark.parametrize("kind", ["long", "nuls", "binary", "fifo", "folder", "loop", "dangling", "unreadable", "sparse"])
def test_a_hostile_config_file(world, folder, kind):
    """Verbs that would change it say what it is, and its name; verbs that walk by it neither hang nor fail inside."""
    path = make(folder / "config", kind)
    env = {"AWS_CONFIG_FILE": str(path), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
    for argv in (["configure"], ["configure", "--remove"], ["migrate"], ["migrate", "--dry-run"]):
        r = world.cli(*argv, env=env, timeout_s=10)
        assert r.returncode == 11 and r.stdout == "" and r.stderr.count("\n") == 1 and r.stderr.startswith(f"valetkey: {path}:"), (argv, r)
    for argv in (["exec", "dev", "true"], ["env", "dev"]):
        r = world.cli(*argv, env=env, timeout_s=10)
        assert r.returncode in (0, 11) and r.stderr.count("\n") == (r.returncode == 11), (argv, r)
    assert world.cli("exec", "--isolated", "dev", "true", env=env).returncode == 0
    assert world.cli("doctor", "--sdk", "go-v2", env=env, timeout_s=10).returncode in (0, 11)
    assert world.cli("status", env=env).returncode == 0
