# SPDX-License-Identifier: Apache-2.0
"""valetkey-imds: programs that know nothing of valetkey ask at 169.254.169.254 and come to their own user's port, and to
nobody else's. In a network of the tests' own, whose routes lead nowhere."""
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from imdslib import Group, Imds, unavailable  # noqa: E402
from netns import own_network  # noqa: E402
from worldlib import CLI, World, until  # noqa: E402

REASON = unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

UID_MIN = 1879048192
ALICE, BOB = UID_MIN + 5, UID_MIN + 6
DAEMON = 61998
ROLE = "arn:aws:sts::123456789012:assumed-role/dev/"


@pytest.fixture(scope="module", autouse=True)
def network():
    with own_network():
        yield


# ---- a whole chain: a sign-in, a broker, and SDKs that nobody told anything


@pytest.fixture(scope="module")
def chain():
    """-> (the world, run(*argv, **env): alice's program, redirected, with an empty home and an empty environment)"""
    group = Group()
    with World("--fault", "interval=1") as w:
        w.wait_claimed()
        until("the port", lambda: json.loads(w.cli("status", "--json").stdout)["endpoint"])
        i = Imds(group, os.stat(f"{w.dir}/state/ports").st_uid, f"{w.dir}/state")

        def run(*argv, uid=None, **env):
            return group.run(uid or w.uid, *argv, env={"HOME": "/nonexistent", **env})

        try:
            yield w, run
        finally:
            assert i.stop() == 0, i.log()
            i.close()
            group.close()


def test_boto3_that_knows_nothing(chain):
    w, run = chain
    r = run("/usr/bin/python3", "-c", "import boto3; s = boto3.Session(); print(s.get_credentials().method); "
            f"print(s.client('sts', region_name='eu-central-1', endpoint_url='{w.base}').get_caller_identity()['Arn'])")
    method, arn = r.stdout.split()
    assert method == "iam-role" and arn.startswith(ROLE), r.stderr
    assert "credentials.handed_out role=dev app=- door=imds" in w.log("broker")


def test_awscli_that_knows_nothing(chain):
    """It finds a region there, too."""
    w, run = chain
    r = run("/usr/bin/aws", "--endpoint-url", w.base, "sts", "get-caller-identity")
    assert r.returncode == 0 and json.loads(r.stdout)["Arn"].startswith(ROLE), r.stderr


def test_the_address_of_containers(chain):
    w, run = chain
    token = w.run("cat", json.loads(w.cli("status", "--json").stdout)["endpoint"]["token_file"]).stdout
    ask = "import boto3; c = boto3.Session().get_credentials(); print(c and c.method)"
    env = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/credentials/role/dev", "AWS_EC2_METADATA_DISABLED": "true"}
    assert run("/usr/bin/python3", "-c", ask, AWS_CONTAINER_AUTHORIZATION_TOKEN=token, **env).stdout == "container-role\n"
    r = run("curl", "-sS", "--noproxy", "*", "http://169.254.170.2/credentials/role/dev")
    assert json.loads(r.stdout)["code"] == "Unauthorized", "the token is asked for as ever"


def test_doctor(chain):
    w, run = chain

    argv = CLI, "--config", f"{w.dir}/etc/valetkey.conf", "doctor", "--json"

    def imds(r):
        return next((f["state"], f["text"]) for f in json.loads(r.stdout)["findings"] if f["check"] == "imds")

    assert imds(run(*argv, XDG_RUNTIME_DIR=w.runtime)) == ("ok", "169.254.169.254 leads to this user's broker")
    # who is not in the group is not redirected, and there is no route here
    assert imds(w.run(*argv))[1].startswith("nothing is at 169.254.169.254")


def test_another_user_of_the_same_machine(chain):
    _, run = chain
    r = run("/usr/bin/python3", "-c", "import boto3; print(boto3.Session().get_credentials())", uid=BOB)
    assert r.stdout == "None\n", r.stderr


# ---- who is sent where


class Machine:
    """A valetkeyd that is no more than its file, and a broker that is no more than its port."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="vk-imds-")
        self.state = f"{self.folder}/state"
        os.chmod(self.folder, 0o755)
        os.mkdir(self.state, 0o755)
        os.chown(self.state, DAEMON, DAEMON)
        self.sockets = []

    def bind(self, reuse=True, uid=DAEMON, listen=True):
        """-> its port. Whose it is: that of who makes it."""
        os.seteuid(uid)
        try:
            s = socket.socket()
            if reuse:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            s.bind(("127.0.0.1", 0))
        finally:
            os.seteuid(0)
        if listen:
            s.listen()
        self.sockets.append(s)
        return s.getsockname()[1]

    def write(self, text, mode=0o644, uid=DAEMON):
        with open(f"{self.state}/ports.new", "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(f"{self.state}/ports.new", mode)
        os.chown(f"{self.state}/ports.new", uid, uid)
        os.rename(f"{self.state}/ports.new", f"{self.state}/ports")

    def say(self, **users):
        self.write("valetkey ports 1\n" + "".join(f"{uid} {port}\n" for uid, port in sorted((int(u[1:]), p) for u, p in users.items())))

    def firmware(self, **files):
        """Says so to the kernel; -> the option by which that is read."""
        os.makedirs(f"{self.folder}/sys/class/dmi/id", 0o755)
        for name, text in files.items():
            with open(f"{self.folder}/sys/class/dmi/id/{name}", "w", encoding="ascii") as f:
                f.write(text + "\n")
        return "--sysfs", f"{self.folder}/sys"

    def close_sockets(self):
        for s in self.sockets:
            s.close()

    def close(self):
        self.close_sockets()
        shutil.rmtree(self.folder)


@pytest.fixture
def machine():
    m = Machine()
    yield m
    m.close()


@pytest.fixture
def group():
    g = Group()
    yield g
    g.close()


@pytest.fixture
def start(group, machine):
    made = []

    def run(*options, **kw):
        made.append(Imds(group, DAEMON, machine.state, *options, **kw))
        return made[-1]

    yield run
    for i in made:
        print(i.log())
        i.close()


def us(**users):
    """alice=61000 → the name of the file's line"""
    return {f"u{ {'alice': ALICE, 'bob': BOB}[name] }": port for name, port in users.items()}


def test_each_to_his_own_port(group, machine, start):
    a, b = machine.bind(), machine.bind()
    machine.say(**us(alice=a, bob=b))
    start()
    assert group.connect(ALICE) == f"127.0.0.1 {a}" and group.connect(BOB) == f"127.0.0.1 {b}"
    assert group.connect(ALICE, "169.254.170.2") == f"127.0.0.1 {a}"
    assert group.connect(ALICE, "::ffff:169.254.169.254") == f"::ffff:127.0.0.1 {a}", "as Java connects"
    for uid in (0, 33, 1000, ALICE + 2, 65534):
        assert group.connect(uid) == group.connect(uid, "::ffff:169.254.170.2") == "ECONNREFUSED"
    # what is nobody's business
    assert group.connect(ALICE, "169.254.169.253") == group.connect(ALICE, "169.254.170.23") == "ENETUNREACH"


def test_other_machines_behind_a_program_get_nothing(group, machine, start):
    """Rootless containers and virtual machines connect in the name of their user."""
    a = machine.bind()
    machine.say(**us(alice=a))
    start()
    for name in ("slirp4netns", "pasta", "pasta.avx2", "passt", "qemu-system-x86", "qemu-system-aar", "rootlesskit"):
        assert group.connect(ALICE, name=name) == "ECONNREFUSED", name
    for name in ("pasta2", "slirp4netns2", "passt.avx", "qemu"):
        assert group.connect(ALICE, name=name) == f"127.0.0.1 {a}", name


def test_another_network_namespace_is_left_alone(group, machine, start):
    """A container's metadata service is its own affair; the users' ports are not there anyway."""
    a = machine.bind()
    machine.say(**us(alice=a))
    start()
    inside = ["unshare", "--net", "sh", "-c", "ip link set lo up; ip addr add 169.254.169.254/32 dev lo; python3 -c 'import socket, subprocess, sys\n"
              "s = socket.create_server((\"169.254.169.254\", 80))\n"
              "sys.exit(subprocess.run(sys.argv[1:]).returncode)' \"$@\"", "sh"]
    assert group.connect(ALICE, before=inside) == "169.254.169.254 80"
    assert group.connect(ALICE, before=["unshare", "--net"]) == "ENETUNREACH"


def test_the_file_is_followed(group, machine, start):
    a, b, c = machine.bind(), machine.bind(), machine.bind()
    i = start()
    assert group.connect(ALICE) == "ECONNREFUSED", "there is no file yet"
    machine.say(**us(alice=a))
    i.logged("imds.users n=1")
    assert group.connect(ALICE) == f"127.0.0.1 {a}" and group.connect(BOB) == "ECONNREFUSED"
    machine.say(**us(alice=c, bob=b))
    i.logged("imds.users n=2")
    assert group.connect(ALICE) == f"127.0.0.1 {c}" and group.connect(BOB) == f"127.0.0.1 {b}"
    machine.say(**us(bob=b))
    i.logged("imds.users n=1", times=2)
    assert group.connect(ALICE) == "ECONNREFUSED" and group.connect(BOB) == f"127.0.0.1 {b}"
    # what makes no sense, or is not valetkeyd's, changes nothing
    for text, kw, said in (("nonsense\n", {}, "makes no sense"), (f"valetkey ports 1\n{ALICE} {a}\n", {"mode": 0o666}, "others may write"),
                           (f"valetkey ports 1\n{ALICE} {a}\n", {"uid": 33}, "not valetkeyd's own")):
        had = i.log().count("imds.failed")
        machine.write(text, **kw)
        i.logged("imds.failed", times=had + 1)
        assert said in i.log()
        assert group.connect(ALICE) == "ECONNREFUSED" and group.connect(BOB) == f"127.0.0.1 {b}"
    os.unlink(f"{machine.state}/ports")
    i.logged("imds.users n=0")
    assert group.connect(BOB) == "ECONNREFUSED"


def test_valetkeyd_taken_over_redirects_nobody_who_is_not_its_own(group, machine, start):
    a = machine.bind()
    machine.write(f"valetkey ports 1\n33 {a}\n1000 {machine.bind()}\n{UID_MIN - 1} {machine.bind()}\n{ALICE} {machine.bind()}\n")
    i = start()
    for uid in (33, 1000, UID_MIN - 1):
        assert group.connect(uid) == "ECONNREFUSED" and f"imds.not_ours uid={uid}\n" in i.log()
    assert group.connect(ALICE).startswith("127.0.0.1 ")


# ---- nobody gets in between


def test_a_port_that_somebody_else_has(group, machine, start):
    """Bob was there first: alice's programs must not come to him."""
    squatted, held = machine.bind(reuse=True, uid=BOB), machine.bind(reuse=True, uid=BOB, listen=False)
    machine.say(**us(alice=squatted, bob=held))
    i = start()
    i.logged(f"imds.port_taken uid={ALICE} port={squatted}")
    i.logged(f"imds.port_taken uid={BOB} port={held}")
    assert group.connect(ALICE) == group.connect(BOB) == "ECONNREFUSED"
    # he leaves, and valetkeyd gets it
    machine.close_sockets()
    i.reload()
    i.logged("imds.users n=2")
    os.seteuid(DAEMON)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(("127.0.0.1", squatted))
        os.seteuid(0)
        s.listen()
        assert group.connect(ALICE) == f"127.0.0.1 {squatted}"


def test_a_port_is_held_without_valetkeyd(group, machine, start):
    a = machine.bind()
    machine.say(**us(alice=a))
    start()
    machine.close_sockets()
    assert group.connect(ALICE) == "ECONNREFUSED", "nobody listens"
    squat = ("import socket, sys\nfor o in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):\n for a in ('127.0.0.1', '0.0.0.0'):\n"
             "  s = socket.socket()\n  if o: s.setsockopt(socket.SOL_SOCKET, o, 1)\n"
             "  try: s.bind((a, int(sys.argv[1]))); s.listen(); print('in')\n  except OSError as e: print(e.errno)")
    assert group.run(BOB, "/usr/bin/python3", "-c", squat, str(a)).stdout.split() == [str(errno.EADDRINUSE)] * 6


def test_it_ends_with_its_process(group, machine, start):
    a = machine.bind()
    machine.say(**us(alice=a))
    i = start()
    assert group.connect(ALICE) == f"127.0.0.1 {a}"
    assert i.stop() == 0
    assert group.connect(ALICE) == "ENETUNREACH", "not redirected and not refused: the network's own affair again"
    i = start()
    assert group.connect(ALICE) == f"127.0.0.1 {a}"
    i.process.send_signal(signal.SIGKILL)
    i.process.wait()
    assert group.connect(ALICE) == "ENETUNREACH"


def test_it_keeps_no_capability(machine, start):
    i = start()
    with open(f"/proc/{i.process.pid}/status", encoding="ascii") as f:
        status = dict(line.split(":\t", 1) for line in f.read().splitlines())
    assert all(int(status[f"Cap{kind}"], 16) == 0 for kind in ("Inh", "Prm", "Eff", "Amb")) and status["NoNewPrivs"] == "1"
    assert os.stat(f"/proc/{i.process.pid}/maps").st_uid == 0, "nobody of valetkeyd's uid may look into it"


def test_without_the_capabilities(group, machine, start):
    i = start(capabilities="-all", expect_ready=False)
    assert i.process.wait(20) == 1 and "it takes CAP_BPF" in i.log()
    assert group.connect(ALICE) == "ENETUNREACH"


# ---- where there is a metadata service


def test_a_machine_of_ec2(group, machine, start):
    ec2 = machine.firmware(sys_vendor="Amazon EC2")
    i = start(*ec2, expect_ready=False)
    assert i.process.wait(20) == 78 and "Amazon EC2 " in i.log() and "class/dmi/id/sys_vendor" in i.log()
    a = machine.bind()
    machine.say(**us(alice=a))
    start(*ec2, "--force", "--pass-below", "1000")
    subprocess.run(["ip", "addr", "add", "169.254.169.254/32", "dev", "lo"], check=True)
    try:
        with socket.create_server(("169.254.169.254", 80)):
            assert group.connect(0) == group.connect(999) == "169.254.169.254 80", "the machine's own programs"
            assert group.connect(ALICE) == f"127.0.0.1 {a}"
            assert group.connect(1000) == group.connect(BOB) == "ECONNREFUSED", "nobody becomes the machine"
    finally:
        subprocess.run(["ip", "addr", "del", "169.254.169.254/32", "dev", "lo"], check=True)


@pytest.mark.parametrize("files", [{"bios_vendor": "Amazon EC2"}, {"board_asset_tag": "i-0abc"}, {"product_name": "Google Compute Engine"},
                                   {"chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}], ids=lambda f: next(iter(f)))
def test_other_marks_of_a_cloud(machine, start, files):
    i = start(*machine.firmware(**files), expect_ready=False)
    assert i.process.wait(20) == 78


def test_a_machine_of_nobodys_cloud(machine, start):
    start(*machine.firmware(sys_vendor="QEMU", product_name="Standard PC (Q35 + ICH9, 2009)", chassis_asset_tag="No Asset Tag", board_asset_tag=""))
