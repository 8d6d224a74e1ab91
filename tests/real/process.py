# SPDX-License-Identifier: Apache-2.0
"""A server as a child: its output in a file, killed when the tests end and also when they are killed."""
import ctypes
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds, what):
    """Polls until condition() is true; fails with what it waited for."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


class Server:
    def __init__(self, name, cmd, log, env=None, cwd=None):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=cwd,
                                            env=env, preexec_fn=_die_with_parent, start_new_session=True)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def alive(self):
        """Raises with the end of the log where the server has ended; for use inside wait_until()."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log_text()[-3000:]}")
        return True

    def wait_http(self, url, seconds=15, ca=None):
        context = ssl.create_default_context(cafile=ca) if ca else None

        def answers():
            self.alive()
            try:
                urllib.request.urlopen(url, timeout=2, context=context).close()
            except urllib.error.HTTPError:
                return True
            except OSError:
                return False
            return True

        wait_until(answers, seconds, f"{self.name} at {url}")

    def end(self, seconds=10):
        """By SIGTERM; the exit status. Our own programs are to end well, and a leak is said then."""
        self.process.terminate()
        return self.process.wait(seconds)

    def stop(self):
        """At once: what these servers keep is thrown away anyway."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
