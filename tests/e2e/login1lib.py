# SPDX-License-Identifier: Apache-2.0
"""A system bus of the test's own, with a login1 on it that says what the test tells it to."""
import os
import subprocess
import sys
import tempfile

from worldlib import until


class Login1:
    """In the test: login1.say("active"), .say("closing", lingers=True), .say(None) for a user it does not know."""

    def __init__(self, state="active", lingers=False, uid=None):
        self.dir = tempfile.mkdtemp(prefix="vkl-", dir="/tmp")
        self.bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address", f"--address=unix:path={self.dir}/bus"],
                                    stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
        self.address = self.bus.stdout.readline().strip()
        self.proc = subprocess.Popen([sys.executable, os.path.abspath(__file__), self.address, str(os.geteuid() if uid is None else uid)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.say(state, lingers)

    def say(self, state, lingers=False, signal="SessionRemoved"):
        self.proc.stdin.write(f"{state or '-'} {int(lingers)} {signal}\n")
        self.proc.stdin.flush()
        assert self.proc.stdout.readline() == "said\n"

    def close(self):
        self.proc.stdin.close()
        self.bus.kill()
        for p in (self.proc, self.bus):
            p.wait(timeout=10)
        os.unlink(f"{self.dir}/bus") if os.path.exists(f"{self.dir}/bus") else None
        os.rmdir(self.dir)


def noticed(broker, what):
    """Waits for the broker's log to say so."""
    until(what, lambda: what in broker.log())


def serve(address, uid):
    import dbus.bus
    import dbus.service
    from dbus.mainloop.glib import DBusGMainLoop
    from gi.repository import GLib

    manager, user = "org.freedesktop.login1.Manager", "/org/freedesktop/login1/user/_test"
    now = {"state": "-", "lingers": False}
    bus = dbus.bus.BusConnection(address, mainloop=DBusGMainLoop())

    class NoSuchUser(dbus.DBusException):
        _dbus_error_name = "org.freedesktop.login1.NoSuchUser"

    class Manager(dbus.service.Object):
        @dbus.service.method(manager, in_signature="u", out_signature="o")
        def GetUser(self, who):
            if who != uid or now["state"] == "-":
                raise NoSuchUser("No user known or logged in")
            return dbus.ObjectPath(user)

        @dbus.service.signal(manager, signature="so")
        def SessionRemoved(self, name, path):
            pass

        @dbus.service.signal(manager, signature="so")
        def SessionNew(self, name, path):
            pass

        @dbus.service.signal(manager, signature="b")
        def PrepareForSleep(self, begins):
            pass

    class User(dbus.service.Object):
        @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="s", out_signature="a{sv}")
        def GetAll(self, _interface):
            return {"State": now["state"], "Linger": dbus.Boolean(now["lingers"]), "UID": dbus.UInt32(uid)}

    m = Manager(bus, "/org/freedesktop/login1")
    User(bus, user)
    name = dbus.service.BusName("org.freedesktop.login1", bus)
    loop = GLib.MainLoop()

    def on_line(source, _condition):
        words = source.readline().split()
        if not words:
            loop.quit()
            return False
        now.update(state=words[0], lingers=words[1] == "1")
        if words[2] == "PrepareForSleep":
            m.PrepareForSleep(False)
        else:
            getattr(m, words[2])("1", dbus.ObjectPath("/org/freedesktop/login1/session/_1"))
        bus.flush()
        print("said", flush=True)
        return True

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_line)
    loop.run()
    del name


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
