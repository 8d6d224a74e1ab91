# SPDX-License-Identifier: Apache-2.0
"""A desktop that shows notifications, played on a private bus: what it is asked to show comes out as JSON, one a line, and what it
reads on stdin it does: "invoke ID KEY", "close ID REASON", "forge ID KEY" (the same signal from another connection)."""
import json
import os
import queue
import subprocess
import sys
import threading

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"


class Notifier:
    def __init__(self, address, capabilities=("actions", "body")):
        self.proc = subprocess.Popen([sys.executable, __file__, address, *capabilities], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert self.next()["ready"]

    def _read(self):
        for line in self.proc.stdout:
            self.lines.put(json.loads(line))

    def next(self, timeout=15):
        """The next thing it was told: {"show": {…}} or {"closed": id}."""
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


def main(address, capabilities):
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

    service = Service(bus, PATH)
    name = dbus.service.BusName(NAME, bus)
    assert service and name

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
    main(sys.argv[1], sys.argv[2:])
