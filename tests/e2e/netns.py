# SPDX-License-Identifier: Apache-2.0
"""A network of one's own for a test and what it starts: a namespace with nothing in it but a loopback interface that can be
brought down and up."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8913, 0x8914, 0x8916, 1

libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *args):
    if getattr(libc, name)(*args) != 0:
        e = ctypes.get_errno()
        raise OSError(e, f"{name}: {os.strerror(e)}")


def link(up, name=b"lo"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags, = struct.unpack("16xh", fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sh", name, 0))[:18])
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh", name, flags | IFF_UP if up else flags & ~IFF_UP))


def no_address(name=b"lo"):
    """With a link that is down packets vanish; without an address connecting fails at once. (The kernel gives "lo" its own back
    when it comes up.)"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFADDR, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, bytes(4)))


def works():
    """Root that may make network namespaces."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if libc.unshare(CLONE_NEWNET) == 0 else 1)
    return os.waitpid(pid, 0)[1] == 0


@contextlib.contextmanager
def network_of(pid):
    """This thread is in that process's network until the end."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        _call("setns", there, CLONE_NEWNET)
        yield
    finally:
        _call("setns", before, CLONE_NEWNET)
        os.close(before)
        os.close(there)


@contextlib.contextmanager
def own_network():
    """This thread, and whatever it starts, has a network of its own until the end."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _call("unshare", CLONE_NEWNET)
        link(up=True)
        yield
    finally:
        _call("setns", before, CLONE_NEWNET)
        os.close(before)
