# SPDX-License-Identifier: Apache-2.0
"""Requests per CPU second of the server, and how long a caller waits, at 1, 16 and 256 connections: the container endpoint with all
its checks and its line in the log for each hand-out, and nginx (one worker) with the same bytes in a file. In turns."""
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ["VALETKEY_BUILD"]
sys.path.insert(0, f"{TOP}/tests/e2e")

from brokerlib import Broker  # noqa: E402
from endpointlib import Endpoint  # noqa: E402
from worldlib import until  # noqa: E402

ROUNDS, MS = int(os.environ.get("BENCH_ROUNDS", "3")), int(os.environ.get("BENCH_MS", "2000"))


def nginx(body):
    folder = tempfile.mkdtemp(prefix="vk-bench-")
    os.chmod(folder, 0o755)
    with open(f"{folder}/credentials", "wb") as f:
        f.write(body)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    with open(f"{folder}/conf", "w", encoding="ascii") as f:
        f.write(f"""{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 2048; }}
http {{ access_log {'off' if not os.environ.get('BENCH_NGINX_LOG') else folder + '/access'}; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; keepalive_requests 1000000000; sendfile on; tcp_nopush on; default_type application/json;
server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
""")
    p = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{folder}/conf", "-e", f"{folder}/error"])

    def worker():
        with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as f:
            return f.read().split()

    pid = int(until("nginx's worker", worker)[0])
    time.sleep(0.2)  # until it listens; a connect that fails would end the run
    return p, pid, port, folder


def load(port, pid, conns, request):
    out = subprocess.run([f"{BUILD}/bench/endpoint", str(port), str(pid), str(conns), str(MS), request], check=True, capture_output=True, text=True).stdout.split()
    n, p50, p99, wall, cpu = int(out[0]), *map(float, out[1:])
    return {"per_cpu": n / cpu, "per_s": n / wall, "p50": p50, "p99": p99, "us": cpu / n * 1e6}


def main():
    b = Broker(start=False)
    with open(b.config, "a", encoding="ascii") as f:
        f.write("[defaults]\ndefault_role = dev\n")
    b.start()
    assert b.sign_in().returncode == 0
    e = Endpoint(until("the port", lambda: b.status()["endpoint"]))
    body = e.container().body
    server, worker, port, folder = nginx(body)
    try:
        requests = {}
        for name, p in (("valetkey", e.port), ("nginx", port)):
            requests[name] = f"{folder}/{name}.request"
            with open(requests[name], "w", encoding="ascii") as f:
                f.write(f"GET /credentials HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\nAccept: application/json\r\nAuthorization: {e.token}\r\nUser-Agent: bench\r\n\r\n")
        print(f"{len(body)} bytes; medians of {ROUNDS} runs of {MS} ms each\n")
        print(f"{'':10} {'connections':>11} {'per CPU s':>10} {'CPU, us':>8} {'per s':>8} {'p50, us':>8} {'p99, us':>8}")
        for conns in (1, 16, 256):
            runs = {"nginx": [], "valetkey": []}
            for _ in range(ROUNDS):
                runs["nginx"].append(load(port, worker, conns, requests["nginx"]))
                runs["valetkey"].append(load(e.port, b.proc.pid, conns, requests["valetkey"]))
            mid = {n: {k: statistics.median(x[k] for x in r) for k in r[0]} for n, r in runs.items()}
            for n, m in mid.items():
                print(f"{n:10} {conns:11} {m['per_cpu']:10.0f} {m['us']:8.1f} {m['per_s']:8.0f} {m['p50']:8.0f} {m['p99']:8.0f}")
            print(f"{'':10} {'':11} {mid['valetkey']['per_cpu'] / mid['nginx']['per_cpu']:9.2f}x")
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)
        b.close()


if __name__ == "__main__":
    main()
