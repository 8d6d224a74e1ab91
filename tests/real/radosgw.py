# SPDX-License-Identifier: Apache-2.0
"""radosgw (Debian's ceph 16.2) as STS and S3: one monitor, one OSD in memory, one gateway, all in one folder, on
loopback, without cephx, manager, systemd or a configured machine; ready in one to two seconds.

What makes that work: short paxos intervals (each pool would otherwise wait a second); the monitor map as a file and
crush settings by command, because with auth=none the first client commands can lose a race with the map ("wrong
fsid"), hence also the retries; `rgw sts min session duration`, with which sessions of three seconds are legal.

How it differs from AWS, so that nothing wrong is learnt here: account ids are empty, any claim is a condition key, only
the first key of a JWKS is looked at, thumbprints and the signature's region and service are not checked, errors are a
bare <Error> with an empty message.
"""
import json
import os
import shutil
import subprocess
import time

import boto3
from botocore.config import Config

from .process import Server, free_port

FSID = "11111111-2222-3333-4444-555555555555"
OSD = "11111111-0000-0000-0000-000000000000"
ADMIN_KEY, ADMIN_SECRET = "ADMINKEY0000000000A", "adminsecret0000000000000000000000000000"
REGION = "us-east-1"
PROGRAMS = ("ceph-mon", "ceph-osd", "ceph", "monmaptool", "radosgw", "radosgw-admin")
CONF = """
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{mon_port}
mon initial members = a
monmap = {folder}/monmap
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
log flush on exit = false
mon cluster log file = {folder}/log/cluster.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
paxos propose interval = 0.01
paxos min wait = 0.01
mon tick interval = 1
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 1
[mon]
mon data = {folder}/mon
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd journal =
osd class update on start = false
osd crush update on start = false
osd op num threads per shard = 1
osd op num shards = 2
[client]
debug rgw = 1
[client.rgw.a]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{http} ssl_endpoint=127.0.0.1:{https} ssl_certificate={certificate}
rgw s3 auth use sts = true
rgw sts key = abcdefghijklmnop
rgw sts min session duration = {sts_min}
rgw verify ssl = false
rgw enable usage log = false
rgw enable ops log = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw run sync thread = false
rgw thread pool size = 32
rgw init timeout = 20
"""


def why_not():
    lacking = [p for p in PROGRAMS if not shutil.which(p)]
    return f"no {', '.join(lacking)}" if lacking else None


def _compact(document):
    """Without blanks: radosgw does not read "+" in a form as one, and calls such a policy malformed."""
    return json.dumps(document, separators=(",", ":"))


class Radosgw:
    def __init__(self, folder, pki, sts_min=1):
        self.folder = folder
        for d in ("mon", "osd", "rgw", "run", "log"):
            os.makedirs(f"{folder}/{d}")
        self.conf = f"{folder}/ceph.conf"
        mon_port, http, https = free_port(), free_port(), free_port()
        self.endpoint, self.https_endpoint = f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}"
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(CONF.format(fsid=FSID, folder=folder, mon_port=mon_port, http=http, https=https, sts_min=sts_min,
                                certificate=pki.server_both))
        self.env = dict(os.environ, CEPH_CONF=self.conf)
        self.servers, self.registered = [], set()
        try:
            self._start(mon_port)
        except BaseException:
            self.stop()
            raise

    def _start(self, mon_port):
        folder = self.folder
        self._cli("monmaptool", "--create", "--fsid", FSID, "--addv", "a", f"[v1:127.0.0.1:{mon_port}]", f"{folder}/monmap")
        self._cli("ceph-mon", "-i", "a", "--mkfs", "--monmap", f"{folder}/monmap", "-c", self.conf)
        self._server("ceph-mon", "-i", "a")
        self._retry("ceph", "-c", self.conf, "--connect-timeout", "20", "osd", "new", OSD)
        self._retry("ceph", "-c", self.conf, "--connect-timeout", "20", "osd", "crush", "add", "osd.0", "1.0", "host=local", "root=default")
        self._cli("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", OSD, "-c", self.conf)
        self._server("ceph-osd", "-i", "0")
        gateway = self._server("radosgw", "--name", "client.rgw.a")
        gateway.wait_http(self.endpoint, seconds=25)
        self._retry("radosgw-admin", "-c", self.conf, "user", "create", "--uid=admin", "--display-name=admin",
                    f"--access-key={ADMIN_KEY}", f"--secret={ADMIN_SECRET}", "--caps=roles=*;oidc-provider=*;user-policy=*")

    def _server(self, *cmd):
        s = Server(cmd[0], [*cmd, "-f", "-c", self.conf], f"{self.folder}/log/{cmd[0]}.out", env=self.env)
        self.servers.append(s)
        return s

    def _cli(self, *cmd):
        r = subprocess.run(cmd, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=30, check=False)
        if r.returncode:
            raise RuntimeError(f"{cmd} ended with {r.returncode}: {r.stdout[-2000:]}")

    def _retry(self, *cmd):
        for left in range(9, -1, -1):
            for s in self.servers:
                s.alive()
            try:
                return self._cli(*cmd)
            except (RuntimeError, subprocess.TimeoutExpired):
                if not left:
                    raise
                time.sleep(0.2)
        return None

    def stop(self):
        for s in reversed(self.servers):
            s.stop()

    # ---- what an account's admin does --------------------------------------------------------------------------

    def client(self, service, key=ADMIN_KEY, secret=ADMIN_SECRET, token=None):
        session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint, config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))

    def trust(self, provider, thumbprint, role, condition=None):
        """Registers a provider and a role that its users may assume for everything in S3. Returns the role's ARN."""
        iam = self.client("iam")
        host = provider.issuer.split("://", 1)[1]
        arn = f"arn:aws:iam:::oidc-provider/{host}"
        if arn not in self.registered:
            self.registered.add(arn)
            iam.create_open_id_connect_provider(Url=provider.issuer, ClientIDList=[provider.client_id], ThumbprintList=[thumbprint])
        document = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Federated": [arn]}, "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "Condition": {"StringEquals": {f"{host}:aud": provider.client_id, **(condition or {})}}}]}
        answer = iam.create_role(RoleName=role, AssumeRolePolicyDocument=_compact(document))
        iam.put_role_policy(RoleName=role, PolicyName="s3", PolicyDocument=_compact({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "arn:aws:s3:::*"}]}))
        return answer["Role"]["Arn"]

    def web_identity(self, role_arn, token, duration=900, name="by-hand"):
        """AssumeRoleWithWebIdentity as boto3 does it: the oracle our own client is compared with."""
        sts = boto3.session.Session(region_name=REGION).client("sts", endpoint_url=self.endpoint, aws_access_key_id="", aws_secret_access_key="",
                                                                config=Config(retries={"max_attempts": 1}, parameter_validation=False))
        return sts.assume_role_with_web_identity(RoleArn=role_arn, RoleSessionName=name, WebIdentityToken=token,
                                                 DurationSeconds=duration)["Credentials"]
