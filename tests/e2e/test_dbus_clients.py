# SPDX-License-Identifier: Apache-2.0
"""The D-Bus door as the tools and libraries of others use it: busctl, gdbus, python3-dbus and libdbus by the examples of the manual,
GLib's GDBus, and a Flatpak app's bus proxy."""
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import Broker
from dbuslib import NAME, ROOT, Gio, GLib, Listener, dbus, error_name, on_the_bus, proxy, read_fd
from worldlib import BUILD, until

TOP = os.environ.get("VALETKEY_TOP", os.getcwd())
APP = "org.example.Tool"


@pytest.fixture(scope="module")
def b():
    broker = Broker(bus=True, roles=("dev", "admin", "x-1/y"))
    assert broker.sign_in().returncode == 0
    assert broker.shim().returncode == 0
    yield on_the_bus(broker)
    print(broker.log()[-3000:])
    broker.close()


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not here")


def ok(r):
    assert r.returncode == 0, r.stderr + r.stdout
    return r.stdout


class Monitor:
    """A program that prints what it hears."""

    def __init__(self, broker, *argv):
        self.path = f"{broker.dir}/monitor"
        with open(self.path, "w", encoding="utf-8") as out:
            self.proc = subprocess.Popen(argv, env=broker.env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def text(self):
        with open(self.path, encoding="utf-8") as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.terminate()
        self.proc.wait()


def refresh(broker, role="dev"):
    dbus.Interface(proxy(broker, f"{ROOT}/role/{role}"), "org.valetkey.Role1").Refresh()


@needs("busctl")
def test_busctl(b):
    busctl = ("busctl", f"--address={b.bus_address}")
    tree = ok(b.run(*busctl, "tree", "--list", NAME)).split()
    assert {ROOT, f"{ROOT}/identity/corp", f"{ROOT}/role/dev", f"{ROOT}/role/admin", f"{ROOT}/role/x_2d1_2fy"} <= set(tree)
    shown = ok(b.run(*busctl, "introspect", NAME, f"{ROOT}/role/dev"))
    for row in (r"\.GetCredentials +method +a\{sv\} +h", r'\.State +property +s +"valid" +emits-change', r'\.AccountId +property +s +"123456789012" +const',
                r"\.CredentialsRotated +signal +sx", r"\.PropertiesChanged +signal +sa\{sv\}as"):
        assert re.search(row, shown), (row, shown)
    assert ok(b.run(*busctl, "call", NAME, ROOT, NAME, "GetCredentials", "sa{sv}", "dev", "1", "min_ttl", "u", "60")).startswith("h ")
    r = b.run(*busctl, "call", NAME, ROOT, NAME, "GetCredentials", "sa{sv}", "nope", "0")
    assert r.returncode != 0 and "no role nope" in r.stderr
    assert ok(b.run(*busctl, "get-property", NAME, f"{ROOT}/role/dev", "org.valetkey.Role1", "State")) == 's "valid"\n'
    with Monitor(b, *busctl, "monitor", NAME) as m:
        until("busctl", lambda: "Monitoring" in m.text())
        refresh(b)
        until("the signal", lambda: "CredentialsRotated" in m.text() and "PropertiesChanged" in m.text())


@needs("gdbus")
def test_gdbus(b):
    where = ("--address", b.bus_address, "--dest", NAME)
    shown = ok(b.run("gdbus", "introspect", *where, "--object-path", ROOT, "--recurse"))
    assert "node /org/valetkey/Broker1/role/dev {" in shown and "SignInRequired(s reason," in shown
    assert ok(b.run("gdbus", "call", *where, "--object-path", ROOT, "--method", f"{NAME}.GetCredentials", "dev", "{'min_ttl': <uint32 60>}")) == "(handle 0,)\n"
    r = b.run("gdbus", "call", *where, "--object-path", ROOT, "--method", f"{NAME}.GetCredentials", "nope", "{}")
    assert r.returncode != 0 and "org.valetkey.Error.UnknownRole: no role nope" in r.stderr
    with Monitor(b, "gdbus", "monitor", *where) as m:
        until("gdbus", lambda: "is owned by" in m.text())
        refresh(b)
        until("the signal", lambda: "org.valetkey.Role1.CredentialsRotated ('ASIA" in m.text())


def test_glib(b):
    connection = Listener(b).connection
    manager = Gio.DBusObjectManagerClient.new_sync(connection, Gio.DBusObjectManagerClientFlags.NONE, NAME, ROOT, None, None, None)
    role = manager.get_interface(f"{ROOT}/role/dev", "org.valetkey.Role1")
    assert role.get_cached_property("State").unpack() == "valid"
    assert {o.get_object_path() for o in manager.get_objects()} == {f"{ROOT}/{x}" for x in
                                                                    ("identity/corp", "role/dev", "role/admin", "role/x_2d1_2fy")}
    states = []
    role.connect("g-properties-changed", lambda _p, changed, _i: states.append(changed.unpack()["State"]))
    refresh(b)

    def heard():
        while GLib.MainContext.default().iteration(False):
            pass
        return states == ["refreshing", "valid"]
    until("the changes", heard)
    reply, fds = role.call_with_unix_fd_list_sync("GetCredentials", GLib.Variant("(a{sv})", ({},)), Gio.DBusCallFlags.NONE, -1, None, None)
    assert reply.unpack() == (0,) and read_fd(fds) == b.shim().stdout


# ---- the manual


def example(language):
    with open(f"{TOP}/docs/man/valetkey-dbus.7.scd", encoding="utf-8") as f:
        block = re.search(rf"^In {language} .*?^```\n(.*?)^```$", f.read(), re.M | re.S).group(1)
    return re.sub(r"\\(.)", r"\1", block)  # what scdoc makes of it


def test_the_manual_s_example_in_c(b):
    with open(f"{b.dir}/example.c", "w", encoding="utf-8") as f:
        f.write(example("C"))
    flags = ok(b.run("pkg-config", "--cflags", "--libs", "dbus-1")).split()
    ok(b.run("cc", "-Wall", "-Wextra", "-Werror", "-o", f"{b.dir}/example", f"{b.dir}/example.c", *flags))
    assert ok(b.run(f"{b.dir}/example", "dev")) == b.shim().stdout
    r = b.run(f"{b.dir}/example", "nope")
    assert r.returncode == 1 and r.stderr.startswith("org.valetkey.Error.UnknownRole: no role nope")


def test_the_manual_s_example_in_python(make):
    b = on_the_bus(make(bus=True, faults=["interval=1"]))  # pylint: disable=redefined-outer-name
    with open(f"{b.dir}/example.py", "w", encoding="utf-8") as f:
        f.write(example("Python"))
    p = subprocess.Popen(["/usr/bin/python3", f"{b.dir}/example.py", "dev"], env=b.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    code = until("somebody to be asked", lambda: [i["org.valetkey.SignIn1"]["UserCode"] for i in proxy(b).GetManagedObjects(
        dbus_interface="org.freedesktop.DBus.ObjectManager").values() if "org.valetkey.SignIn1" in i])[0]
    b.control("approve", user_code=code, user="alice", decision="allow")
    out, err = p.communicate(timeout=30)
    assert p.returncode == 0 and err == "Please sign in.\n", err
    assert out == json.loads(b.shim().stdout)["AccessKeyId"] + "\n"
    r = b.run("/usr/bin/python3", f"{b.dir}/example.py", "nope")
    assert r.returncode == 1 and r.stderr.startswith("no role nope")


def test_the_manual_names_every_error():
    with open(f"{TOP}/wire/outcome.c", encoding="utf-8") as f:
        errors = dict(re.findall(r'\[(OUTCOME_\w+)\] = \{"[\w-]+", BUS_ERROR\("(\w+)"\)', f.read()))
    used = set()
    for d in ("broker", "net", "lib"):
        for name in os.listdir(f"{TOP}/{d}"):
            with open(f"{TOP}/{d}/{name}", encoding="utf-8") as f:
                used |= set(re.findall(r"\bOUTCOME_\w+", f.read()))
    with open(f"{TOP}/docs/man/valetkey-dbus.7.scd", encoding="utf-8") as f:
        page = f.read()
    assert len(errors) > 20
    missing = [e for o, e in errors.items() if o in used and f"*{e}*" not in page]
    assert not missing


# ---- through a sandbox's bus proxy


class Proxy:
    """xdg-dbus-proxy, as Flatpak runs it: it is what the bus sees of the app, and has the app's .flatpak-info at its root."""

    def __init__(self, broker, info=None):
        self.path = f"{broker.dir}/proxy-{'app' if info else 'plain'}"
        argv = ["xdg-dbus-proxy", "--fd=1", broker.bus_address, self.path, "--filter", f"--talk={NAME}"]
        if info:
            with open(f"{broker.dir}/info", "w", encoding="utf-8") as f:
                f.write(info)
            argv = ["bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink",
                    "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--bind", broker.dir, broker.dir,
                    "--ro-bind", f"{broker.dir}/info", "/.flatpak-info", "--", *argv]
        self.proc = subprocess.Popen(argv, env=broker.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.proc.stdout.read(1) == b"x"  # it listens
        self.address = f"unix:path={self.path}"
        self.env = {"DBUS_SESSION_BUS_ADDRESS": self.address}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.terminate()
        self.proc.wait()
        self.proc.stdout.close()


@needs("xdg-dbus-proxy")
def test_through_a_bus_proxy(b):
    with Proxy(b) as p:
        r = b.run(f"{BUILD}/tests/helpers/bus_credentials", "dev", env=p.env)
        assert r.returncode == 0 and r.stdout == b.shim().stdout, r.stderr
        assert "node /org/valetkey/Broker1/role/dev {" in ok(b.run("gdbus", "introspect", "--address", p.address, "--dest", NAME,
                                                                   "--object-path", ROOT, "--recurse"))
        with Monitor(b, "gdbus", "monitor", "--address", p.address, "--dest", NAME) as m:
            until("gdbus", lambda: "is owned by" in m.text())
            refresh(b)
            until("the signal", lambda: "CredentialsRotated" in m.text())


@needs("xdg-dbus-proxy")
@needs("bwrap")
def test_a_flatpak_app_sees_and_hears_what_it_was_granted(make):
    b = make(bus=True, faults=["interval=1"], extra=f"[app tool]\nflatpak = {APP}\nroles = dev\n")  # pylint: disable=redefined-outer-name
    on_the_bus(b)
    with Proxy(b, f"[Application]\nname={APP}\n\n[Instance]\ninstance-id=1\n") as p:
        app = Listener(p.address)
        app.call(lambda _: None, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")  # it is known from now on
        inside = dbus.bus.BusConnection(p.address)

        def interface(name, path=ROOT):
            return dbus.Interface(inside.get_object(NAME, path, introspect=False), name)

        outside = Listener(b.bus_address)
        outside.call(lambda _: None, ROOT, "org.freedesktop.DBus.Peer", "Ping")
        outside.call(lambda _: None, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        stranger = Listener(b.bus_address)  # has asked nothing
        got = []
        app.call(got.append, ROOT, NAME, "GetCredentials", GLib.Variant("(sa{sv})", ("dev", {"interactive": GLib.Variant("b", True)})), 60000)
        path, shown = until("a code", lambda: [a for _, _, _, a in app.named("InterfacesAdded")])[0]
        b.control("approve", user_code=shown["org.valetkey.SignIn1"]["UserCode"], user="alice", decision="allow")
        until("credentials", lambda: app.named("") or got)
        doc = json.loads(read_fd(got[0][1]))
        assert doc["AccessKeyId"]
        assert b.shim("admin").returncode != 0 and b.shim("dev").returncode == 0
        until("what is outside to hear all", lambda: [x for x in outside.named("PropertiesChanged") if x[1].endswith("/admin")])

        objects = interface("org.freedesktop.DBus.ObjectManager").GetManagedObjects()
        assert set(objects) == {f"{ROOT}/role/dev"}
        assert error_name(interface(NAME).GetCredentials, "admin", dbus.Dictionary({}, signature="sv")) == "org.valetkey.Error.AccessDenied"
        for hidden in ("role/admin", "identity/corp"):
            assert error_name(interface("org.freedesktop.DBus.Properties", f"{ROOT}/{hidden}").GetAll, "") == "org.freedesktop.DBus.Error.UnknownObject"
        for denied in (lambda: interface(NAME).SignOut(""), interface(NAME).GetStatus, interface("org.valetkey.Role1", f"{ROOT}/role/dev").Drop):
            assert error_name(denied) == "org.valetkey.Error.AccessDenied"
        told = app.named("CredentialsRotated") + app.named("PropertiesChanged") + app.named("SignInRequired")
        assert {x[1] for x in told} == {f"{ROOT}/role/dev"} and "admin" not in repr(app.seen)
        assert path not in objects and not stranger.named("PropertiesChanged")


# ---- many


def test_ten_thousand_roles(make):
    accounts = "".join(f"[account {100000000000 + i}]\nalias = a{i}\n" for i in range(500))
    templates = "".join(f"[role-template t{i}]\naccounts = *\nrole_name = r{i}\n" for i in range(20))
    b = on_the_bus(make(bus=True, roles=(), extra=f"[defaults]\nsts_endpoint = http://127.0.0.1:9/\n{accounts}{templates}"))  # pylint: disable=redefined-outer-name
    objects = proxy(b).GetManagedObjects(dbus_interface="org.freedesktop.DBus.ObjectManager")
    assert len(objects) == 10001
    tree = proxy(b, f"{ROOT}/role").Introspect(dbus_interface="org.freedesktop.DBus.Introspectable")
    assert tree.count("<node name=") == 10000
    path = next(p for p in objects if "a250" in p)
    assert proxy(b, path).Get("org.valetkey.Role1", "State", dbus_interface="org.freedesktop.DBus.Properties") == "empty"
    assert len(json.loads(proxy(b).GetStatus(dbus_interface=NAME))["roles"]) == 10000
    for wrong in ("/role/", "/role/_", "/role/_6", "/role/_64ev", "/role/_2D", "/role/_00", "/role/dev/x", "/rol", "/identity/dev"):
        assert error_name(proxy(b, (ROOT + wrong).rstrip("/")).Get, "org.valetkey.Role1", "State",
                          dbus_interface="org.freedesktop.DBus.Properties").startswith("org.freedesktop.DBus.Error.Unknown")
