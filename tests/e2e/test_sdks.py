# SPDX-License-Identifier: Apache-2.0
"""Debian's SDKs and tools, and npm's, at every door: which door each knows (tests/real/sdks.py), S3 at radosgw, sessions of
three seconds under programs that run for longer, and what each says when nobody is signed in."""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from brokerlib import Broker
from worldlib import CLI, PATIENCE, ROOT, SHIM, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
pytest_plugins = ("real.fixtures",)

from real import sdks  # noqa: E402
from real.fixtures import make_chain  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUCKET = "sdks"
AT_ONCE = 4
SLOW_SECONDS = 34
PAIRS = [(c, d) for c in sdks.KNOWS for d in sdks.DOORS]


@pytest.fixture(scope="module")
def chain(providers, radosgw, pki):
    """Signed in. Sessions of role s3 last an hour, those of role short three seconds, those of slow 22."""
    provider, sts = providers.get("glewlwyd", "RS256"), f"sts_endpoint = {radosgw.endpoint}"
    c = make_chain(radosgw, pki, provider, sts, more={"short": [sts, "duration = 3s"], "slow": [sts, "duration = 22s"]}, identity=("id_token_file = yes",), defaults=("default_role = s3",))
    c.must_sign_in()
    c.s3(radosgw.endpoint, BUCKET)
    endpoint = until("the port", lambda: json.loads(c.cli("status", "--json").stdout)["endpoint"])
    c.session, c.short, c.slow = (sdks.Session(endpoint, role, f"{c.dir}/bin/valetkey", f"{c.dir}/bin/valetkey-credential-process", f"{c.dir}/home",
                                       (radosgw.endpoint, c.role_arn, f"{c.runtime}/valetkey/id-token")) for role in ("s3", "short", "slow"))
    c.slow_client = start(c, "crt", "token", sdks.stream("crt", radosgw.endpoint, BUCKET, SLOW_SECONDS, "token")[0], c.slow) if not sdks.why_not("crt") else None
    yield c
    if c.slow_client:
        c.slow_client.kill()
        c.slow_client.communicate()
    print(c.logs())
    c.close()


def start(chain, client, door, command, session=None, stdin=subprocess.DEVNULL):
    front, env = (session or chain.session).open(client, door)
    return chain.start(front + command, env, stdin=stdin)


def run(chain, client, door, command, timeout_s=60):
    """-> (exit status, stdout, stderr, seconds)"""
    begin = time.monotonic()
    p = start(chain, client, door, command)
    try:
        out, err = p.communicate(timeout=timeout_s * PATIENCE)
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
    return p.returncode, out.decode(), err.decode(errors="replace"), time.monotonic() - begin


@pytest.fixture(scope="module")
def tried(chain, radosgw):
    """(client, door) -> how it went, all of them, a few at a time"""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {(c, d): pool.submit(run, chain, c, d, sdks.once(c, radosgw.endpoint, BUCKET, d)) for c, d in PAIRS if not sdks.why_not(c)}
        return {pair: job.result() for pair, job in jobs.items()}


@pytest.mark.parametrize("client,door", PAIRS)
def test_a_client_at_a_door(tried, client, door):
    if (client, door) not in tried:
        pytest.skip(sdks.why_not(client))
    status, out, err, seconds = tried[client, door]
    print(f"{client} {door}: {status} in {seconds:.1f} s\n{out}\n{err}")
    assert (status == 0) == (sdks.KNOWS[client][door] != sdks.NO), "not what the table says"


# ---- sessions of three seconds

SECONDS = 11
PIECE = 5 << 20
STREAMS = [(c, d) for c in sdks.KNOWS for d in ("process", "token", "imds") if sdks.KNOWS[c][d] == sdks.YES]
# botocore rewrites an expiry it finds at IMDS to a quarter of an hour from now at least: nothing shorter can work there
NOT_SHORT = {("awscli", "imds"), ("boto3", "imds")}
# the C library keeps what has less than ten seconds left for a quarter of an hour, too: it has a test of its own
NOT_SHORT |= {("crt", "token")}
STREAMS = [s for s in STREAMS if s not in NOT_SHORT]


@pytest.fixture(scope="module")
def rotating(chain, tried):
    """The same session when all it has is short: the broker is told, as an admin tells it, and goes on at the same port."""
    chain.defaults = ("default_role = short",)
    chain.write_config(*chain.configured)
    before = chain.broker.log_text().count("broker.ready")
    os.kill(chain.broker.process.pid, signal.SIGHUP)
    until("the broker to be back", lambda: chain.broker.log_text().count("broker.ready") > before)
    assert json.loads(chain.cli("status", "--json").stdout)["endpoint"]["url"] == chain.short.url
    return chain


def feed(pipe):
    """A piece now and then, each other bytes, so that nothing is saved by compressing or by having it already."""
    try:
        for _ in range(SECONDS):
            pipe.write(os.urandom(PIECE))
            pipe.flush()
            time.sleep(1)
        pipe.close()
    except BrokenPipeError:
        pass  # it ended: its status says why


@pytest.fixture(scope="module")
def streamed(rotating, radosgw):
    """(client, door) -> (exit status, stdout, stderr) of one process of each, all at once"""
    running = {}
    for c, d in STREAMS:
        if not sdks.why_not(c):
            command, fed = sdks.stream(c, radosgw.endpoint, BUCKET, SECONDS, d)
            p = start(rotating, c, d, command, rotating.short, subprocess.PIPE if fed else subprocess.DEVNULL)
            if fed:
                threading.Thread(target=feed, args=(p.stdin,), daemon=True).start()
            running[c, d] = p
    out = {}
    end = time.monotonic() + 60 * PATIENCE
    for pair, p in running.items():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            texts = [pool.submit(f.read) for f in (p.stdout, p.stderr)]
            try:
                p.wait(max(1, end - time.monotonic()))
            finally:
                p.kill()
            out[pair] = (p.returncode, *(t.result().decode(errors="replace") for t in texts))
    return out


@pytest.mark.parametrize("client,door", STREAMS)
def test_one_process_over_many_rotations(streamed, client, door):
    if (client, door) not in streamed:
        pytest.skip(sdks.why_not(client))
    status, out, err = streamed[client, door]
    assert status == 0, f"{out}\n{err}"
    if out.startswith("{\"rounds\""):  # the others have signed a request each second, or they would not have got so far
        got = json.loads(out)
        assert got["rounds"] >= 10 and len(got["keys"]) >= 4, got


# ---- at the sandbox: who am I, and nobody signed in

IDENTITIES = [(c, d) for c in sdks.KNOWS for d in ("process", "token", "token-file", "imds", "exec", "exec-static")
              if sdks.KNOWS[c][d] == sdks.YES and sdks.identity(c, "") is not None]
# who keeps the broker's sentence to himself: what a provider says is lost in most chains
SILENT = {("rclone", "token"), ("crt", "token"), ("restic", "token"), ("js", "process"), ("js", "token"), *((c, "imds") for c in sdks.KNOWS)}
UNKNOWN = [(c, d) for c in sdks.KNOWS for d in ("process", "token", "imds", "exec") if sdks.KNOWS[c][d] == sdks.YES]


@pytest.fixture(scope="module")
def nobody():
    """A broker of ours that nobody has signed in to, with the sandbox's STS; -> (it, its doors)"""
    b = Broker(start=False, role_extra=f"region = {sdks.REGION}")
    with open(b.config, "a", encoding="utf-8") as f:
        f.write("[defaults]\ndefault_role = dev\n")
    b.start()
    endpoint = until("the port", lambda: b.status()["endpoint"])
    yield b, sdks.Session(endpoint, "dev", CLI, SHIM, b.dir)
    print(b.log())
    b.close()


def start_all(b, session, commands):
    """(client, door) -> command; -> the same -> (exit status, stdout, stderr, seconds)"""
    def one(pair):
        front, env = session.open(*pair)
        base = {k: b.env[k] for k in ("PATH", "HOME", "XDG_RUNTIME_DIR")}
        begin = time.monotonic()
        r = subprocess.run(front + commands[pair], env={**base, **env, "LC_ALL": "C.UTF-8"}, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=60 * PATIENCE, check=False)
        return r.returncode, r.stdout, r.stderr, time.monotonic() - begin

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(commands, pool.map(one, commands)))


@pytest.fixture(scope="module")
def refused(nobody):
    b, session = nobody
    return start_all(b, session, {(c, d): sdks.once(c, b.base, "none", d) for c, d in UNKNOWN if not sdks.why_not(c)})


@pytest.fixture(scope="module")
def named(nobody, refused):
    b, session = nobody
    assert b.sign_in().returncode == 0
    return start_all(b, session, {(c, d): sdks.identity(c, b.base) for c, d in IDENTITIES if not sdks.why_not(c)})


@pytest.mark.parametrize("client,door", UNKNOWN)
def test_nobody_signed_in_is_an_answer(refused, client, door):
    if (client, door) not in refused:
        pytest.skip(sdks.why_not(client))
    status, out, err, seconds = refused[client, door]
    print(f"NOLOGIN {client} {door}: {status} in {seconds:.1f} s: {err[-600:]}")
    assert status != 0 and not out
    assert seconds < 20 * PATIENCE
    assert ("valetkey login" in err) == ((client, door) not in SILENT), err


@pytest.mark.parametrize("client,door", IDENTITIES)
def test_who_am_i(named, client, door):
    if (client, door) not in named:
        pytest.skip(sdks.why_not(client))
    status, out, err, _ = named[client, door]
    assert status == 0 and out.startswith("arn:aws:sts::123456789012:assumed-role/dev/"), err


# ---- two users at once


@pytest.mark.skipif(not ROOT, reason="two uids take root")
@pytest.mark.parametrize("client", ["boto3", "rclone"])
def test_the_others_door(chain, nobody, named, radosgw, client):
    """Each finds his own credentials, and at the other's door, with the other's token or his own, is told off by his uid."""
    ours, theirs = nobody[1], chain.session

    def ask(session, token, uid):
        _, env = session.open(client, "token")
        env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
        env.update(PATH=os.environ["PATH"], HOME="/nonexistent", LC_ALL="C.UTF-8")
        env["AWS_CONFIG_FILE"] = "/dev/null"
        return subprocess.run(["/usr/bin/setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", *sdks.once(client, radosgw.endpoint, BUCKET, "other")], env=env, cwd="/",
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * PATIENCE, check=False)

    tokens = [open(s.token_file, encoding="ascii").read() for s in (ours, theirs)]
    assert tokens[0] != tokens[1]
    cases = [(s, t, u) for s, home in ((ours, 0), (theirs, chain.uid)) for t in tokens for u in (0, chain.uid, 65534) if u != home]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        for (session, token, uid), r in zip(cases, pool.map(lambda c: ask(*c), cases)):
            assert r.returncode != 0, (session.role, uid)
            assert client != "boto3" or f"uid {uid}" in r.stderr, r.stderr
    assert ask(theirs, tokens[1], chain.uid).returncode == 0
    for log, role in ((nobody[0].log(), "dev"), (chain.broker.log_text(), "s3")):
        assert "caller.refused uid=65534" in log, role


# ---- a client that needs longer sessions, which has run since the beginning


def test_the_c_library_over_many_rotations(chain, streamed):
    if not chain.slow_client:
        pytest.skip(sdks.why_not("crt"))
    out, err = chain.slow_client.communicate(timeout=2 * SLOW_SECONDS * PATIENCE)
    assert chain.slow_client.returncode == 0, err.decode()
    got = json.loads(out)
    assert len(got["keys"]) >= 4, got


# ---- the page


def test_the_page_says_what_was_tried():
    """Names, versions and doors, as the table in the page has them."""
    with open(os.path.join(TOP, "docs/man/valetkey-sdks.7.scd"), encoding="utf-8") as f:
        text = f.read()
    for client, doors in sdks.KNOWS.items():
        row = next((r.split("\n:  ") for r in text.split("\n|  ") if r.startswith(sdks.NAMES[client] + " ")), None)
        assert row, client
        cells = [c.split("\n")[0] for c in row[1:6]]
        assert cells == [doors[d] for d in sdks.DOORS[:5]], client
        if not sdks.why_not(client):
            assert sdks.version(client).split("-")[0].split("+")[0] == row[0].rsplit(" ", 1)[1], client
        assert doors["exec-static"] == sdks.YES and doors["exec"] == max(doors["token"], doors["token-file"])
