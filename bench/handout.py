#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one hand-out costs the broker, by door, in its CPU time: the socket as the shim uses it (a connection for each), IMDS and the
container endpoint (a connection that stays, and one for each). handout.py COUNT [--hold]: with --hold it goes on at the socket until
its input ends, for a profiler: it prints the broker's pid first."""
import os
import select
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

from brokerlib import CREDENTIALS, Broker, parse  # noqa: E402
from endpointlib import Endpoint, read_answer  # noqa: E402
from worldlib import until  # noqa: E402


def cpu_us(pid):
    with open(f"/proc/{pid}/schedstat", encoding="utf-8") as f:
        return int(f.read().split()[0]) / 1000


def by_socket(b, count):
    packet = b.request("dev")
    for _ in range(count):
        with b.connect() as s:
            s.send(packet)
            assert parse(s.recv(65536))[0] == CREDENTIALS


def over(e, raw, count, keep):
    s = e.connect()
    for _ in range(count):
        if not keep:
            s.close()
            s = e.connect()
        s.sendall(raw)
        assert read_answer(s).status == 200
    s.close()


def main():
    count = int(sys.argv[1])
    b = Broker(start=False)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write("[defaults]\ndefault_role = dev\n")
    b.start()
    try:
        assert b.sign_in().returncode == 0
        e = Endpoint(until("the port", lambda: b.status()["endpoint"]))
        by_socket(b, 100)
        if "--hold" in sys.argv:
            print(b.proc.pid, flush=True)
            while not select.select([sys.stdin], [], [], 0)[0]:
                by_socket(b, 100)
            return
        container = e.request("/credentials", Authorization=e.token)
        imds = e.request("/latest/meta-data/iam/security-credentials/dev", X_aws_ec2_metadata_token=e.session(3600))
        print(f"{'':42} {'CPU, µs':>8}")
        for name, work in (("socket, a connection each (the shim)", lambda: by_socket(b, count)),
                           ("container endpoint, one connection", lambda: over(e, container, count, True)),
                           ("container endpoint, a connection each", lambda: over(e, container, count, False)),
                           ("IMDS, one connection", lambda: over(e, imds, count, True)),
                           ("IMDS, a connection each", lambda: over(e, imds, count, False))):
            work()
            before = cpu_us(b.proc.pid)
            work()
            print(f"{name:42} {(cpu_us(b.proc.pid) - before) / count:8.1f}", flush=True)
        assert b.stats("AssumeRoleWithWebIdentity") == 1
    finally:
        b.close()


main()
