# SPDX-License-Identifier: Apache-2.0
"""The D-Bus door of the broker, on a bus of its own: what the contract says, and what a hostile program may try."""
import fcntl
import json
import os
import sys
import time
import xml.etree.ElementTree as ET

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import BUILD, until

TOP = os.environ.get("VALETKEY_TOP", os.getcwd())

dbus = pytest.importorskip("dbus")


def proxy(b, path="/org/valetkey/Broker1"):
    return dbus.bus.BusConnection(b.bus_address).get_object("org.valetkey.Broker1", path)


@pytest.fixture
def on_bus(make):
    b = make(bus=True)
    assert b.sign_in().returncode == 0
    until("the name", lambda: dbus.bus.BusConnection(b.bus_address).name_has_owner("org.valetkey.Broker1"))
    return b


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


def error_name(fn, *args):
    with pytest.raises(dbus.DBusException) as e:
        fn(*args)
    return e.value.get_dbus_name()


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
    GLib = pytest.importorskip("gi.repository.GLib", reason="signals in python3-dbus need python3-gi")
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


def test_the_bus_may_go(on_bus):
    on_bus.procs[-1].terminate()
    on_bus.procs[-1].wait()
    until("that to be noticed", lambda: "bus.lost" in on_bus.log())
    assert on_bus.shim().returncode == 0
