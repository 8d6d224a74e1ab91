# SPDX-License-Identifier: Apache-2.0
"""A desktop that shows notifications, played on a private bus: what it is asked to show comes out as JSON, one a line, and what it
reads on stdin it does: "invoke ID KEY", "close ID REASON", "forge ID KEY" (the same signal from another connection). It can also be
what opens a browser: the portal, or a systemd that starts units."""
import json
import os
import queue
import subprocess
import sys
import threading

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"


class Notifier:
    def __init__(self, address, capabilities=("actions", "body"), opens=(), **kw):
        self.proc = subprocess.Popen([sys.executable, os.path.abspath(__file__), address, ",".join(capabilities), ",".join(opens)], **kw, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert self.next()["ready"]

    def _read(self):
        for line in self.proc.stdout:
            self.lines.put(json.loads(line))

    def next(self, timeout=15):
        """The next thing it was told: {"show": {…}}, {"closed": id}, {"open": uri} or {"unit": name, "properties": {…}}."""
        return self.lines.get(timeout=timeout)

    def nothing(self, timeout=0.5):
        try:
            raise AssertionError(self.lines.get(timeout=timeout))
        except queue.Empty:
            return True

    def say(self, *words):
        self.proc.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.proc.stdin.flush()

    def press(self, shown, label, number=None, verb="invoke"):
        """A press of that button: what it answers is a secret between the broker and whoever shows it."""
        actions = shown["actions"]
        self.say(verb, shown["id"] if number is None else number, actions[actions.index(label) - 1])

    def close(self):
        self.proc.stdin.close()
        self.proc.wait(timeout=10)


def main(address, capabilities, opens):
    import dbus  # pylint: disable=import-outside-toplevel
    import dbus.bus
    import dbus.lowlevel
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib

    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus, other = dbus.bus.BusConnection(address), dbus.bus.BusConnection(address)
    loop = GLib.MainLoop()

    def tell(**what):
        print(json.dumps(what), flush=True)

    class Service(dbus.service.Object):
        shown = 0

        @dbus.service.method(NAME, in_signature="", out_signature="as")
        def GetCapabilities(self):
            return list(capabilities) or dbus.Array([], signature="s")

        @dbus.service.method(NAME, in_signature="susssasa{sv}i", out_signature="u")
        def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
            self.shown += 1
            tell(show={"id": self.shown, "app": str(app), "replaces": int(replaces), "icon": str(icon), "summary": str(summary), "body": str(body),
                       "actions": [str(a) for a in actions], "urgency": int(hints["urgency"]), "timeout": int(timeout)})
            return dbus.UInt32(self.shown)

        @dbus.service.method(NAME, in_signature="u", out_signature="")
        def CloseNotification(self, number):
            tell(closed=int(number))

    class Portal(dbus.service.Object):
        @dbus.service.method("org.freedesktop.portal.OpenURI", in_signature="ssa{sv}", out_signature="o")
        def OpenURI(self, parent, uri, options):
            assert not parent and not options
            tell(open=str(uri))
            return dbus.ObjectPath("/org/freedesktop/portal/desktop/request/1/t")

    class Systemd(dbus.service.Object):
        @dbus.service.method("org.freedesktop.systemd1.Manager", in_signature="as")
        def SetEnvironment(self, names):
            pass

        @dbus.service.method("org.freedesktop.systemd1.Manager", in_signature="as")
        def UnsetEnvironment(self, names):
            pass

        @dbus.service.method("org.freedesktop.systemd1.Manager", in_signature="ssa(sv)a(sa(sv))", out_signature="o")
        def StartTransientUnit(self, unit, mode, properties, aux):
            assert mode == "fail" and not aux
            start = next(v for k, v in properties if k == "ExecStart")
            tell(unit=str(unit), properties={str(k): str(v) for k, v in properties if k != "ExecStart"},
                 start=[[str(path), [str(a) for a in argv], bool(ignore)] for path, argv, ignore in start])
            return dbus.ObjectPath("/org/freedesktop/systemd1/job/1")

    kept = [Service(bus, PATH), dbus.service.BusName(NAME, bus)]
    if "portal" in opens:
        kept += [Portal(bus, "/org/freedesktop/portal/desktop"), dbus.service.BusName("org.freedesktop.portal.Desktop", bus)]
    if "systemd" in opens:
        kept += [Systemd(bus, "/org/freedesktop/systemd1"), dbus.service.BusName("org.freedesktop.systemd1", bus)]

    def signal(connection, member, signature, *args):
        message = dbus.lowlevel.SignalMessage(PATH, NAME, member)
        message.append(*args, signature=signature)
        connection.send_message(message)
        connection.flush()

    def command(stream, _condition):
        text = os.read(stream.fileno(), 65536).decode()
        for line in text.splitlines():
            verb, number, what = line.split()
            if verb == "close":
                signal(bus, "NotificationClosed", "uu", int(number), int(what))
            else:
                signal(other if verb == "forge" else bus, "ActionInvoked", "us", int(number), what)
        if not text:
            loop.quit()
        return bool(text)

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, command)
    tell(ready=True)
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1], [w for w in sys.argv[2].split(",") if w], sys.argv[3].split(","))
