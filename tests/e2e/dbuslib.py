# SPDX-License-Identifier: Apache-2.0
"""Programs on a broker's bus: python3-dbus, which asks and waits, and GLib's GDBus, which hears what is told."""
import os

import pytest

from worldlib import until

dbus = pytest.importorskip("dbus")
pytest.importorskip("gi")
from gi.repository import Gio, GLib  # noqa: E402

NAME, ROOT = "org.valetkey.Broker1", "/org/valetkey/Broker1"


def on_the_bus(b):
    """b, once its name is there."""
    until("the name", lambda: dbus.bus.BusConnection(b.bus_address).name_has_owner(NAME))
    return b


def proxy(b, path="/org/valetkey/Broker1"):
    return dbus.bus.BusConnection(b.bus_address).get_object("org.valetkey.Broker1", path)


def error_name(fn, *args, **kw):
    with pytest.raises(dbus.DBusException) as e:
        fn(*args, **kw)
    return e.value.get_dbus_name()


def sign_ins(b):
    objects = dbus.Interface(proxy(b), "org.freedesktop.DBus.ObjectManager").GetManagedObjects()
    return {p: o["org.valetkey.SignIn1"] for p, o in objects.items() if "org.valetkey.SignIn1" in o}


class Listener:
    """What is told on the bus, heard with GLib's GDBus, which asks nothing by itself."""

    def __init__(self, address):
        self.connection = Gio.DBusConnection.new_for_address_sync(
            getattr(address, "bus_address", address), Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.seen = []
        self.connection.signal_subscribe("org.valetkey.Broker1", None, None, None, None, Gio.DBusSignalFlags.NONE,
                                         lambda _c, _s, path, iface, name, args: self.seen.append((name, path, iface, args.unpack())))

    def named(self, name):
        while GLib.MainContext.default().iteration(False):
            pass
        return [x for x in self.seen if x[0] == name]

    def call(self, done, path, iface, method, args=None, timeout_ms=-1):
        """An asynchronous call: done(reply, or the name of the error)."""
        def finish(c, result):
            try:
                reply, fds = c.call_with_unix_fd_list_finish(result)
                done((reply.unpack(), fds))
            except GLib.Error as e:
                done(Gio.DBusError.get_remote_error(e))

        self.connection.call_with_unix_fd_list("org.valetkey.Broker1", path, iface, method, args, None, Gio.DBusCallFlags.NONE,
                                               timeout_ms, None, None, finish)


def read_fd(fds):
    with os.fdopen(fds.get(0)) as f:
        return f.read()
