# SPDX-License-Identifier: Apache-2.0
"""The README's two quick starts, followed word by word on a Debian that has nothing of ours: what stands there in indented lines
is what is run. Only names are others: the provider is the sandbox, "editor" is sed, "jump1" the machine itself. Then three
people at once, one of whom exists only at the provider, and a reboot."""
import concurrent.futures
import glob
import json
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import riglib  # noqa: E402
from worldlib import BUILD, until  # noqa: E402

ALICE = "alice-7f3a"


def blocks(section):
    """The indented blocks below a heading of the README: [[line, ...], ...]"""
    with open(f"{riglib.TOP}/README.md", encoding="utf-8") as f:
        text = re.search(rf"^## {re.escape(section)}\n(.*?)^## ", f.read(), re.M | re.S).group(1)
    return [[line[4:] for line in b.strip("\n").split("\n")] for b in re.findall(r"(?:^    .*\n)+", text, re.M)]


def spoken(line, cloud):
    """A line with the names of here."""
    line = line.replace("https://login.example.com", f"{cloud}/oidc").replace("248289761001", ALICE)
    if line.startswith("editor "):
        file = line.split()[1]
        return f"sed -i -e 's|https://login.example.com|{cloud}/oidc|' -e '/^role_arn/a sts_endpoint = {cloud}/' {file}"
    if line.startswith("apt install "):
        return line.replace("apt install", "apt-get install -y --no-install-recommends")
    return line


@pytest.fixture(scope="module", name="host")
def _host():
    why = riglib.packages_unavailable()
    if why:
        pytest.skip(why)
    rig = riglib.Rig(bare=True)
    try:
        # the rootfs leaves documentation out to be small; ours is what is read here
        rig.write("/etc/dpkg/dpkg.cfg.d/zz-examples", "path-include=/usr/share/doc/libpam-valetkey\npath-include=/usr/share/doc/libpam-valetkey/*\n")
        for f in glob.glob(f"{BUILD}/deb/*.deb"):
            rig.run("mkdir", "-p", "/build/deb", unit=False, check=True)
            rig.put(f"/build/deb/{os.path.basename(f)}", f, mode="644")
        sh(rig, "dpkg -i /build/deb/valetkey-sandbox_*.deb")
        sh(rig, """cp -r /usr/share/valetkey/sandbox-example /cloud; sed 's/alice/carol/g' /cloud/users/alice.json >/cloud/users/carol.json
            sed -i 's/"bob-19c4"/"bob-19c4", "carol-7f3a"/' /cloud/roles/dev/trust-policy.json""")
        rig.run_cloud("/cloud")
        rig.bring_person()
        yield rig
    finally:
        rig.close()


def sh(rig, line):
    r = rig.run("bash", "-ec", f"cd /; {line}", unit=False)
    assert r.returncode == 0, f"{line}\n{r.stdout[-1500:]}\n{r.stderr[-1500:]}"
    return r.stdout


def test_the_workstation(host):
    root, person, bound = blocks("Quick start: a workstation")
    for line in root:
        sh(host, spoken(line, host.CLOUD))
    host.open_session("alice")
    assert person[0] == "valetkey login"
    host.sign_in("alice")
    out = ""
    for line in person[1:]:
        assert "aws sts get-caller-identity" in line or "valetkey configure" in line
        r = host.user("alice").shell(line.replace("aws sts get-caller-identity", "sh -c 'echo $AWS_CONTAINER_CREDENTIALS_FULL_URI'"))
        assert r.returncode == 0, (line, r.stderr)
        out += r.stdout
    assert "http://127.0.0.1:" in out
    config = sh(host, "cat ~alice/.aws/config")
    assert "[profile dev]" in config and "credential_process" in config
    host.close_session("alice")
    for line in bound:
        sh(host, spoken(line, host.CLOUD))
    assert json.loads(sh(host, "valetkeyd user list --json"))[0]["name"] == "alice"
    # her home and name are needed below for somebody who exists only at the provider
    until("her manager's end", lambda: not host.manager_runs("alice"))
    sh(host, "valetkeyd user remove alice --local; userdel -rf alice 2>/dev/null; rm -f /etc/valetkey/valetkey.conf")


def test_the_jump_host(host):
    root, people, person = blocks("Quick start: a jump host")
    sh(host, "cp /etc/ssh/key.pub /alice.pub")
    for line in root + people:
        sh(host, spoken(line, host.CLOUD))
    line = person[0].removeprefix("ssh alice@jump1 ")
    assert len(person) == 1 and line != person[0]
    r = host.run(*host.person_argv("alice", line, subject="alice"), unit=False)
    assert r.returncode == 0 and "assumed-role/dev/alice" in r.stdout, (r.stdout, r.stderr)


def one_of_three(host, user, command):
    r = host.run(*host.person_argv(user, command, subject=user), unit=False, timeout_s=90)
    assert r.returncode == 0, (user, r.stdout, r.stderr)
    return r.stdout.split("\n")


def test_three_people_at_once(host):
    """Each has credentials of his own name, a port of his own, and none of the others'."""
    sh(host, f"""useradd -m -s /bin/bash carol
        valetkeyd user add bob --local --issuer {host.CLOUD}/oidc --subject bob-19c4
        valetkeyd user add carol --local --issuer {host.CLOUD}/oidc --subject carol-7f3a
        for u in bob carol; do install -m 644 /etc/ssh/key.pub /etc/ssh/authorized_keys/$u; done""")
    until("alice to be gone: else her last sign-in counts on", lambda: host.run("test", "-e", f"/run/systemd/users/{host.uid('alice')}", unit=False).returncode)
    command = "id -u; valetkey whoami dev 2>&1 | grep -o 'assumed-role/.*'; echo $AWS_EC2_METADATA_SERVICE_ENDPOINT; sleep 2"
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        uid, arn, port = zip(*(r[:3] for r in pool.map(lambda u: one_of_three(host, u, command), ("alice", "bob", "carol"))))
    assert [a.split()[0] for a in arn] == [f"assumed-role/dev/{u}" for u in ("alice", "bob", "carol")]
    assert len(set(uid)) == 3 and len(set(port)) == 3 and all(re.fullmatch(r"http://127\.0\.0\.1:\d+/", p) for p in port)
    assert int(uid[0]) >= 1879048192, "alice exists only at the provider"
    host.before = (uid[0], port[0])


def test_a_reboot(host):
    """Ids and ports are what they were; nothing of a sign-in is left."""
    host.reboot()
    host.run_cloud("/cloud")
    assert sh(host, "id -u alice").strip() == host.before[0]
    r = host.run(*host.person_argv("alice", "valetkey-credential-process dev | head -c 20; echo; echo $AWS_EC2_METADATA_SERVICE_ENDPOINT", subject="alice"), unit=False)
    assert r.returncode == 0 and '"Version"' in r.stdout and host.before[1] in r.stdout, (r.stdout, r.stderr)
