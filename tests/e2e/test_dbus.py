# SPDX-License-Identifier: Apache-2.0
"""The D-Bus door of the broker, on a bus of its own: what the contract says, and what a hostile program may try."""
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import xml.etree.ElementTree as ET

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from dbuslib import GLib, Listener, dbus, error_name, on_the_bus, proxy, read_fd, sign_ins
from worldlib import BUILD, PATIENCE, until

TOP = os.environ.get("VALETKEY_TOP", os.getcwd())


@pytest.fixture
def on_bus(make):
    b = make(bus=True)
    assert b.sign_in().returncode == 0
    return on_the_bus(b)


def test_credentials_over_dbus_are_a_sealed_file(on_bus):
    role = proxy(on_bus, "/org/valetkey/Broker1/role/dev")
    root = dbus.Interface(proxy(on_bus), "org.valetkey.Broker1")
    for fd in (root.GetCredentials("dev", {}), dbus.Interface(role, "org.valetkey.Role1").GetCredentials({"min_ttl": dbus.UInt32(60)})):
        fd = fd.take()
        assert fcntl.fcntl(fd, 1034) & 0xf == 0xf  # F_GET_SEALS: SEAL, SHRINK, GROW, WRITE
        with pytest.raises(OSError):
            os.write(fd, b"x")
        with os.fdopen(fd) as f:
            assert f.read() == on_bus.shim().stdout
    assert on_bus.stats("AssumeRoleWithWebIdentity") == 1


def test_the_c_client(on_bus):
    helper = f"{BUILD}/tests/helpers/bus_credentials"
    r = on_bus.run(helper, "dev", "60")
    assert r.returncode == 0 and r.stdout == on_bus.shim().stdout, r.stderr
    r = on_bus.run(helper, "nope")
    assert r.returncode == 1 and r.stderr.startswith("org.valetkey.Error.UnknownRole: no role nope")
    r = on_bus.run(helper, "de\xffv")
    assert r.returncode == 1
    r = on_bus.run(helper, "dev", env={"DBUS_SESSION_BUS_ADDRESS": f"unix:path={on_bus.runtime}/none"})
    assert r.returncode == 1 and "no session bus" in r.stderr


def test_errors_over_dbus_are_typed(on_bus):
    root = dbus.Interface(proxy(on_bus), "org.valetkey.Broker1")
    assert error_name(root.GetCredentials, "nope", {}) == "org.valetkey.Error.UnknownRole"
    assert error_name(root.GetCredentials, "admin", {}) == "org.valetkey.Error.AccessDenied"
    assert error_name(root.GetCredentials, "dev", {"what": True}) == "org.valetkey.Error.InvalidRequest"
    assert error_name(root.GetCredentials, "dev", {"min_ttl": dbus.UInt32(99999)}) == "org.valetkey.Error.Misconfigured"
    assert error_name(root.SignOut, "nobody") == "org.valetkey.Error.UnknownIdentity"
    assert error_name(root.NoSuch) == "org.freedesktop.DBus.Error.UnknownMethod"
    assert error_name(lambda: dbus.bus.BusConnection(on_bus.bus_address).call_blocking(
        "org.valetkey.Broker1", "/org/valetkey/Broker1", "org.valetkey.Broker1", "GetStatus", "s", ["x"])) == "org.freedesktop.DBus.Error.InvalidArgs"
    root.SignOut("")
    assert error_name(root.GetCredentials, "dev", {}) == "org.valetkey.Error.NeedsLogin"


def test_properties_and_objects(on_bus):
    objects = dbus.Interface(proxy(on_bus), "org.freedesktop.DBus.ObjectManager").GetManagedObjects()
    assert set(objects) == {"/org/valetkey/Broker1/identity/corp", "/org/valetkey/Broker1/role/dev", "/org/valetkey/Broker1/role/admin"}
    dev = objects["/org/valetkey/Broker1/role/dev"]["org.valetkey.Role1"]
    assert dev["AccountId"] == "123456789012" and dev["State"] == "empty" and dev["Source"] == "oidc"
    props = dbus.Interface(proxy(on_bus, "/org/valetkey/Broker1/identity/corp"), "org.freedesktop.DBus.Properties")
    assert props.Get("org.valetkey.Identity1", "Username") == "alice"
    assert props.Get("org.valetkey.Identity1", "State") == "signed-in"
    assert error_name(props.Get, "org.valetkey.Identity1", "Nope") == "org.freedesktop.DBus.Error.UnknownProperty"
    assert error_name(props.Set, "org.valetkey.Identity1", "State", "x") == "org.freedesktop.DBus.Error.PropertyReadOnly"
    assert json.loads(dbus.Interface(proxy(on_bus), "org.valetkey.Broker1").GetStatus()) == on_bus.status()


def shape(node):
    """interface -> what it has, comparable."""
    out = {}
    for i in node.iter("interface"):
        if i.get("name").startswith("org.valetkey."):
            out[i.get("name")] = sorted(
                (m.tag, m.get("name"), m.get("type"), m.get("access"), [tuple(sorted(a.items())) for a in m])
                for m in i)
    return out


def begin_sign_in(b, connection):
    root = dbus.Interface(connection.get_object("org.valetkey.Broker1", "/org/valetkey/Broker1"), "org.valetkey.Broker1")
    return root.SignIn("corp", {})


def test_the_introspection_is_the_contract(on_bus):
    connection = dbus.bus.BusConnection(on_bus.bus_address)
    sign_in = begin_sign_in(on_bus, connection)
    running = {}
    for path in ("/org/valetkey/Broker1", "/org/valetkey/Broker1/role/dev", "/org/valetkey/Broker1/identity/corp", sign_in):
        xml = dbus.Interface(connection.get_object("org.valetkey.Broker1", path, introspect=False), "org.freedesktop.DBus.Introspectable").Introspect()
        running.update(shape(ET.fromstring(xml)))
    assert running == shape(ET.parse(f"{TOP}/dbus/org.valetkey.Broker1.xml").getroot())
    root = ET.fromstring(dbus.Interface(proxy(on_bus), "org.freedesktop.DBus.Introspectable").Introspect())
    assert {n.get("name") for n in root.findall("node")} == {"identity", "role", "sign_in"}


def test_sign_in_over_dbus(make):
    from dbus.mainloop.glib import DBusGMainLoop
    b = make(bus=True, faults=["interval=1"])
    connection = dbus.bus.BusConnection(b.bus_address, mainloop=DBusGMainLoop())
    until("the name", lambda: connection.name_has_owner("org.valetkey.Broker1"))
    loop, completed = GLib.MainLoop(), []
    connection.add_signal_receiver(lambda *a: (completed.append(a), loop.quit()), "Completed", "org.valetkey.SignIn1")
    path = begin_sign_in(b, connection)
    code = dbus.Interface(connection.get_object("org.valetkey.Broker1", path), "org.freedesktop.DBus.Properties").Get("org.valetkey.SignIn1", "UserCode")
    b.control("approve", user_code=code, user="alice", decision="allow")
    GLib.timeout_add_seconds(15, loop.quit)
    loop.run()
    assert completed and completed[0][0] == "ok"
    assert b.shim().returncode == 0


def test_a_sign_in_in_the_browser_has_no_code_to_enter(on_bus):
    p = subprocess.Popen([f"{BUILD}/valetkey", "login", "--browser", "--json"], env=on_bus.env, stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(p.stdout.readline())["verification_uri"]
        connection = dbus.bus.BusConnection(on_bus.bus_address)
        path = begin_sign_in(on_bus, connection)  # the one that is under way is joined
        shown = dbus.Interface(connection.get_object("org.valetkey.Broker1", path), "org.freedesktop.DBus.Properties").GetAll("org.valetkey.SignIn1")
        assert (shown["VerificationUri"], shown["UserCode"]) == (url, "")
    finally:
        p.terminate()
        p.wait()


def sign_in_properties(connection, path):
    return dbus.Interface(connection.get_object("org.valetkey.Broker1", path), "org.freedesktop.DBus.Properties").GetAll("org.valetkey.SignIn1")


def test_a_browser_sign_in_over_dbus(on_bus):
    connection = dbus.bus.BusConnection(on_bus.bus_address)
    root = dbus.Interface(connection.get_object("org.valetkey.Broker1", "/org/valetkey/Broker1"), "org.valetkey.Broker1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert error_name(root.SignIn, "corp", {"flow": "browser", "callback_port": dbus.UInt32(port)}) == "org.valetkey.Error.Misconfigured"
    for bad in ({"flow": "telepathy"}, {"flow": 1}, {"callback_port": dbus.UInt32(port)}, {"flow": "device", "callback_port": dbus.UInt32(port)},
                {"flow": "browser", "callback_port": dbus.UInt32(80)}, {"flow": "browser", "callback_port": dbus.UInt32(65536 + port)},
                {"flow": "browser", "callback_port": -1}, {"flow": "browser", "callback_port": "1"}, {"flow": "browser", "other": 1}):
        assert error_name(root.SignIn, "corp", dbus.Dictionary(bad, signature="sv")) == "org.valetkey.Error.InvalidRequest", bad
    path = root.SignIn("corp", {"flow": "browser", "callback_port": port})  # an INT32, as Python has it
    p = sign_in_properties(connection, path)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(p["VerificationUri"]).query))
    assert p["Flow"] == "browser" and p["Open"] and p["UserCode"] == "" and p["VerificationUriComplete"] == "" and p["State"] == "waiting"
    assert query["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
    # Another program joins it, whatever it wished for, and opens nothing.
    other = dbus.bus.BusConnection(on_bus.bus_address)
    theirs = sign_in_properties(other, begin_sign_in(on_bus, other))
    assert theirs["Flow"] == "browser" and not theirs["Open"] and theirs["VerificationUri"] == p["VerificationUri"]
    other.close()
    dbus.Interface(connection.get_object("org.valetkey.Broker1", path), "org.valetkey.SignIn1").Cancel()


def test_a_program_that_leaves_the_bus_takes_its_sign_in_along(make):
    b = make(bus=True, faults=["interval=1"])
    until("the name", lambda: dbus.bus.BusConnection(b.bus_address).name_has_owner("org.valetkey.Broker1"))
    one = dbus.bus.BusConnection(b.bus_address)
    other = dbus.bus.BusConnection(b.bus_address)
    path = begin_sign_in(b, one)
    theirs = dbus.Interface(other.get_object("org.valetkey.Broker1", path), "org.valetkey.SignIn1")
    assert error_name(theirs.Cancel) == "org.valetkey.Error.AccessDenied"
    one.close()
    until("the object to go", lambda: path not in dbus.Interface(proxy(b), "org.freedesktop.DBus.ObjectManager").GetManagedObjects())
    before = b.stats("token.device")
    time.sleep(2.5)
    assert b.stats("token.device") <= before + 1  # nobody polls for nobody
    mine = begin_sign_in(b, other)
    dbus.Interface(other.get_object("org.valetkey.Broker1", mine), "org.valetkey.SignIn1").Cancel()
    assert mine not in dbus.Interface(proxy(b), "org.freedesktop.DBus.ObjectManager").GetManagedObjects()


def test_the_bus_may_go_and_come(on_bus):
    bus = on_bus.procs.pop()
    bus.terminate()
    bus.wait()
    until("that to be noticed", lambda: "bus.lost" in on_bus.log())
    assert on_bus.shim().returncode == 0
    on_bus._start_bus()  # pylint: disable=protected-access
    on_the_bus(on_bus)
    os.close(proxy(on_bus).GetCredentials("dev", {}, dbus_interface="org.valetkey.Broker1").take())
    assert on_bus.stats("AssumeRoleWithWebIdentity") == 1


def test_a_bus_that_comes_late_is_found(make):
    b = make(start=False)
    b.env["DBUS_SESSION_BUS_ADDRESS"] = ""  # then it is $XDG_RUNTIME_DIR/bus
    b.start()
    assert "bus.none" in b.log()
    assert b.sign_in().returncode == 0 and b.shim().returncode == 0
    b._start_bus()  # pylint: disable=protected-access
    on_the_bus(b)
    os.close(proxy(b).GetCredentials("dev", {}, dbus_interface="org.valetkey.Broker1").take())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_users_programs_get_nothing(make):
    """On a bus that lets everybody in. The kernel says who it is; root's own are no exception for another's broker."""
    b = make(start=False)
    config = f"{b.dir}/bus.conf"
    with open(config, "w", encoding="utf-8") as f:
        f.write(f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={b.runtime}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>""")
    for path, mode in ((b.dir, 0o711), (b.runtime, 0o711)):
        os.chmod(path, mode)
    bus = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"], stdout=subprocess.PIPE, text=True)
    b.procs.append(bus)
    b.env["DBUS_SESSION_BUS_ADDRESS"] = b.bus_address = bus.stdout.readline().strip()
    os.chmod(f"{b.runtime}/bus", 0o666)
    on_the_bus(b.start())
    assert b.sign_in().returncode == 0
    helper = f"{BUILD}/tests/helpers/bus_credentials"
    assert b.run(helper, "dev").returncode == 0
    theirs = f"{b.dir}/helper"
    shutil.copy(helper, theirs)
    os.chmod(theirs, 0o755)
    r = b.run(theirs, "dev", user=65534)
    assert r.returncode == 1 and r.stdout == "" and r.stderr.startswith("org.valetkey.Error.AccessDenied: this broker serves another user")
    assert "caller.refused uid=65534" in b.log()


# ---- signals


@pytest.fixture
def bus_broker(make):
    """A broker on a bus in which nobody is signed in; polls of the provider one second apart."""
    return on_the_bus(make(bus=True, faults=["interval=1"]))


def test_a_rotation_is_told_and_says_no_secret(on_bus):
    listener = Listener(on_bus)
    assert on_bus.shim().returncode == 0
    before = until("the first session", lambda: listener.named("CredentialsRotated"))
    dbus.Interface(proxy(on_bus, "/org/valetkey/Broker1/role/dev"), "org.valetkey.Role1").Refresh()
    until("the next session", lambda: len(listener.named("CredentialsRotated")) == len(before) + 1)
    doc = json.loads(on_bus.shim().stdout)
    _, path, iface, (access_key_id, expiration) = listener.named("CredentialsRotated")[-1]
    assert (path, iface, access_key_id) == ("/org/valetkey/Broker1/role/dev", "org.valetkey.Role1", doc["AccessKeyId"])
    props = dbus.Interface(proxy(on_bus, path), "org.freedesktop.DBus.Properties")
    assert props.Get(iface, "Expiration") == expiration > time.time()
    changed = [a[1] for _, p, _, a in listener.named("PropertiesChanged") if p == path]
    assert [c["State"] for c in changed] == ["fetching", "valid", "refreshing", "valid"]
    assert changed[-1]["Expiration"] == expiration
    for c in changed:  # what never changes is not repeated
        assert set(c) == {"State", "Expiration", "LastError"}
    assert doc["SecretAccessKey"] not in repr(listener.seen) and doc["SessionToken"] not in repr(listener.seen)


def test_a_refusal_is_told_with_its_sentence(on_bus):
    listener = Listener(on_bus)
    assert on_bus.shim("admin").returncode != 0
    until("that", lambda: [a for _, _, _, a in listener.named("PropertiesChanged") if "admin" in a[1].get("LastError", "")])


def test_sign_in_required_is_said_once_until_somebody_has(bus_broker):
    listener = Listener(bus_broker)
    for _ in range(3):
        assert bus_broker.shim().returncode == 3
    (_, path, iface, (reason, message)), = until("the signal", lambda: listener.named("SignInRequired"))
    assert (path, iface, reason) == ("/org/valetkey/Broker1/identity/corp", "org.valetkey.Identity1", "needs-login") and "dev" in message
    assert bus_broker.sign_in().returncode == 0 and bus_broker.shim().returncode == 0
    states = [a[1]["State"] for _, p, _, a in listener.named("PropertiesChanged") if p == path]
    assert "signed-in" in states
    dbus.Interface(proxy(bus_broker), "org.valetkey.Broker1").SignOut("")
    assert bus_broker.shim().returncode == 3 and bus_broker.shim("admin").returncode == 3
    until("the next", lambda: len(listener.named("SignInRequired")) == 2)


# ---- silent first


def get_interactively(listener, answers, role="dev"):
    listener.call(answers.append, "/org/valetkey/Broker1", "org.valetkey.Broker1", "GetCredentials",
                  GLib.Variant("(sa{sv})", (role, {"interactive": GLib.Variant("b", True)})), 60000)


def test_silent_first_and_then_with_a_person(bus_broker):
    root = dbus.Interface(proxy(bus_broker), "org.valetkey.Broker1")
    for options in ({}, {"interactive": False}):
        assert error_name(root.GetCredentials, "dev", options) == "org.valetkey.Error.NeedsLogin"
    assert not sign_ins(bus_broker) and bus_broker.stats("device_authorization") == 0
    for bad in ({"interactive": "yes"}, {"interactive": dbus.Int32(1)}, {"min_ttl": True}, {"min_ttl": -1}, {"Interactive": True}):
        assert error_name(root.GetCredentials, "dev", bad) == "org.valetkey.Error.InvalidRequest"

    listener, answers = Listener(bus_broker), []
    for role in ("dev", "dev", "nope", "admin"):  # one person, one code; the other is no role
        get_interactively(listener, answers, role)
    added = until("the object", lambda: [a for _, _, _, a in listener.named("InterfacesAdded") if "org.valetkey.SignIn1" in a[1]])
    (path, shown), = [(p, i["org.valetkey.SignIn1"]) for p, i in added]
    assert shown["State"] == "waiting" and shown["Identity"] == "/org/valetkey/Broker1/identity/corp"
    assert list(sign_ins(bus_broker)) == [path] and answers == ["org.valetkey.Error.UnknownRole"]
    bus_broker.control("approve", user_code=shown["UserCode"], user="alice", decision="allow")
    until("the answers", lambda: listener.named("") or len(answers) == 4)
    got = [a for a in answers if isinstance(a, tuple)]
    assert [read_fd(fds) for _, fds in got] == [bus_broker.shim().stdout] * 2
    assert answers.count("org.valetkey.Error.AccessDenied") == 1  # admin, by STS
    assert listener.named("Completed")[0][3] == ("ok", "") and listener.named("InterfacesRemoved")[0][3][0] == path
    assert not sign_ins(bus_broker)


def test_a_person_who_declines_or_a_program_that_leaves(bus_broker):
    listener, answers = Listener(bus_broker), []
    get_interactively(listener, answers)
    (path, shown), = until("the object", lambda: list(sign_ins(bus_broker).items()))
    bus_broker.control("approve", user_code=shown["UserCode"], user="alice", decision="deny")
    until("the answer", lambda: listener.named("") or answers)
    assert answers == ["org.valetkey.Error.DeniedByUser"]

    get_interactively(listener, answers)
    (path, shown), = until("another", lambda: list(sign_ins(bus_broker).items()))
    listener.call(lambda _: None, path, "org.valetkey.SignIn1", "Cancel")
    until("the answer", lambda: listener.named("") or len(answers) == 2)
    assert answers[1] == "org.valetkey.Error.Cancelled"

    get_interactively(listener, answers)
    until("one more", lambda: listener.named("") or sign_ins(bus_broker))
    listener.connection.close_sync(None)
    until("it to go", lambda: not sign_ins(bus_broker))


# ---- programs nobody wants on their bus

RUDE = f"{BUILD}/tests/helpers/bus_rude"


class Rude:
    def __init__(self, b, *args):
        self.proc = subprocess.Popen([RUDE, *args], env=b.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def report(self):
        """(answered, refused) until now"""
        self.proc.stdin.write("?\n")
        self.proc.stdin.flush()
        return tuple(int(x) for x in self.proc.stdout.readline().split())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.stdin.close()
        self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()


def test_who_asks_for_much_waits_for_itself(make):
    """While somebody has 200 dear calls under way, another's calls are not behind them but in between."""
    b = make(bus=True, roles=[f"r{i}" for i in range(900)])
    until("the name", lambda: dbus.bus.BusConnection(b.bus_address).name_has_owner("org.valetkey.Broker1"))
    props = dbus.Interface(proxy(b), "org.freedesktop.DBus.Properties")
    props.Get("org.valetkey.Broker1", "Version")
    with Rude(b, "flood", "GetManagedObjects", "200") as flood:
        until("the flood", lambda: flood.report()[0] > 3)
        before = flood.report()[0]
        for _ in range(20):
            props.Get("org.valetkey.Broker1", "Version")
        during = flood.report()[0] - before
    assert during < 20 * 20, f"{during} answers to the flood while another got 20"


def test_a_flood_without_answers_costs_nothing(on_bus):
    """Cheap calls at full speed: another is answered in between."""
    root = dbus.Interface(proxy(on_bus), "org.valetkey.Broker1")
    props = dbus.Interface(proxy(on_bus), "org.freedesktop.DBus.Properties")
    bus_itself = dbus.Interface(dbus.bus.BusConnection(on_bus.bus_address).get_object("org.freedesktop.DBus", "/org/freedesktop/DBus"),
                                "org.freedesktop.DBus")

    def median_of(fn):
        took = []
        for _ in range(41):
            start = time.monotonic()
            fn()
            took.append(time.monotonic() - start)
        return sorted(took)[20]

    root.GetCredentials("dev", {}).take()
    for mode in (("shout", "Get"), ("shout", "GetStatus")):
        with Rude(on_bus, *mode) as rude:
            until("it", lambda: rude.report()[0] > 100)  # pylint: disable=cell-var-from-loop
            ours, theirs = median_of(lambda: props.Get("org.valetkey.Broker1", "Version")), median_of(bus_itself.GetId)
            os.close(root.GetCredentials("dev", {}).take())
        # behind one turn of the flood, not behind all of it: done in the order they came, it was beyond 100,000
        assert ours < 5000 * PATIENCE * theirs, (mode, ours, theirs)
    with Rude(on_bus, "flood", "Get", "2000") as rude:
        until("it", lambda: rude.report()[0] > 100)
        before = rude.report()[0]
        for _ in range(40):
            props.Get("org.valetkey.Broker1", "Version")
        during = rude.report()[0] - before
    assert during < 40 * 1000, f"{during} answers to the flood while another got 40: in the order they came each waits behind 2000"


def test_who_does_not_read_is_sent_no_more(on_bus):
    root = dbus.Interface(proxy(on_bus), "org.valetkey.Broker1")
    root.GetCredentials("dev", {}).take()
    daemon = on_bus.procs[-1].pid
    before = len(os.listdir(f"/proc/{daemon}/fd"))
    with Rude(on_bus, "deaf", "dev", "3000") as deaf:
        assert deaf.proc.stdout.readline() == "sent\n"
        until("that to be noticed", lambda: "caller.deaf" in on_bus.log())
        for _ in range(20):
            os.close(root.GetCredentials("dev", {}).take())
        held = len(os.listdir(f"/proc/{daemon}/fd")) - before
        assert 100 < held < 500, f"{held} descriptors lie in the bus"
        deaf.proc.stdin.write("read\n")
        deaf.proc.stdin.flush()
        assert deaf.proc.stdout.readline() == "read\n"
        until("the bus to be rid of them", lambda: len(os.listdir(f"/proc/{daemon}/fd")) - before < 20)
    os.close(root.GetCredentials("dev", {}).take())
    assert "bus.lost" not in on_bus.log()


def test_names_that_have_come_and_stay_take_no_room(on_bus):
    with Rude(on_bus, "names", "2100") as names:
        assert names.proc.stdout.readline() == "2100 0\n"
        assert proxy(on_bus).GetCredentials("dev", {}, dbus_interface="org.valetkey.Broker1").take() >= 0


def test_what_a_program_may_have_open_is_bounded(bus_broker):
    listener, answers = Listener(bus_broker), []
    for _ in range(300):
        get_interactively(listener, answers)
    until("the refusals", lambda: listener.named("") or len(answers) == 300 - 256)
    assert set(answers) == {"org.valetkey.Error.Busy"}
    assert proxy(bus_broker).Get("org.valetkey.Broker1", "Version", dbus_interface="org.freedesktop.DBus.Properties")
    assert len(sign_ins(bus_broker)) == 1
