# SPDX-License-Identifier: Apache-2.0
"""Users who exist only in valetkeyd's table, on a Debian with our packages: every program knows them, they sign in through sshd
by key and at the provider, their service manager and broker run, and nscd does not remember what has changed."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import BUILD, until  # noqa: E402

READERS = 1879049192
ASKPASS = r"""#!/bin/sh
code=$(printf %s "$1" | sed -n 's/.*Enter *\([A-Z0-9-]*\).*/\1/p')
[ -z "$code" ] || curl -sS --fail --data-urlencode "user_code=$code" -d "user=bob" -d decision=allow http://127.0.0.1:8123/_sandbox/approve >/dev/null
echo
"""
TABLE = "/var/lib/valetkey/users"


@pytest.fixture(name="host", scope="module")
def _host(packaged_rig):
    """carol exists nowhere but in the table, and has a key. (The provider calls her bob.)"""
    rig = packaged_rig
    rig.start_cloud()
    rig.put("/usr/local/bin/table_tool", f"{BUILD}/tests/helpers/table_tool")
    rig.write("/usr/local/bin/askpass", ASKPASS, "755")
    rig.write("/etc/ssh/sshd_config.d/keys.conf", "AuthorizedKeysFile /etc/ssh/keys/%u\n")
    rig.run("sh", "-ec", "ssh-keygen -q -t ed25519 -N '' -f /srv/key; mkdir /etc/ssh/keys; cp /srv/key.pub /etc/ssh/keys/carol; "
            "pam-auth-update --enable mkhomedir; systemctl restart valetkeyd ssh", unit=False, check=True)
    rig.run("valetkeyd", "user", "add", "carol", "--issuer", f"{rig.CLOUD}/oidc", "--subject", "bob-19c4", "--display", "Carol Example",
            "--shell", "/bin/bash", unit=False, check=True)
    return rig


def shell(rig, text, **kw):
    return rig.run("sh", "-c", text, unit=False, **kw)


def change(rig, *lines):
    rig.run("table_tool", TABLE, unit=False, check=True, stdin="".join(f"{line}\n" for line in lines))


def ssh(rig, text, *options):
    return rig.run("env", "SSH_ASKPASS=/usr/local/bin/askpass", "SSH_ASKPASS_REQUIRE=force", "ssh", "-q", "-i", "/srv/key", *options, "-p", "2222",
                   "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "carol@127.0.0.1", text)


def test_every_program_knows_the_user(host):
    uid = host.uid("carol")
    assert 1879048192 <= uid <= 2147483646
    entry = f"carol:*:{uid}:{uid}:Carol Example:/home/carol:/bin/bash\n"
    assert shell(host, "getent passwd carol").stdout == entry == shell(host, f"getent passwd {uid}").stdout
    assert shell(host, "getent group carol").stdout == f"carol:*:{uid}:\n"
    assert shell(host, f"setpriv --reuid=bob --clear-groups getent passwd {uid}").stdout == entry, "another user sees the same"
    shell(host, "touch /srv/file; chown carol: /srv/file", check=True)
    assert shell(host, "ls -l /srv/file").stdout.split()[2:4] == ["carol", "carol"]
    # nobody walks over everybody, and there is no shadow entry to ask for
    assert "carol" not in shell(host, "getent passwd; getent group; getent shadow").stdout
    assert shell(host, "getent shadow carol").returncode == 2
    assert shell(host, "getent passwd pam_unix_non_existent: Carol ''").returncode == 2


def test_a_key_opens_a_session_with_a_service_manager_and_a_broker(host):
    change(host, f"group readers {READERS}", f"member carol {READERS}")
    uid = host.uid("carol")
    r = ssh(host, "id; pwd; stat -c %U:%G .; echo $XDG_RUNTIME_DIR; systemctl --user is-active valetkey-broker.socket; "
            "valetkey status >/dev/null; systemctl --user is-active valetkey-broker.service", "-o", "PreferredAuthentications=publickey")
    assert r.returncode == 0, r.stderr
    assert r.stdout.splitlines() == [f"uid={uid}(carol) gid={uid}(carol) groups={uid}(carol),{READERS}(readers)", "/home/carol", "carol:carol",
                                     f"/run/user/{uid}", "active", "active"]


def test_the_provider_opens_a_session_that_has_credentials(host):
    host.write("/etc/ssh/sshd_config.d/methods.conf", "AuthenticationMethods publickey,keyboard-interactive:pam\n")
    shell(host, "systemctl reload ssh", check=True)
    r = ssh(host, "timeout 20 sh -c 'until valetkey-credential-process dev 2>/dev/null; do sleep 0.1; done'")
    assert r.returncode == 0, r.stderr
    assert '"AccessKeyId"' in r.stdout
    shell(host, "rm /etc/ssh/sshd_config.d/methods.conf; systemctl reload ssh", check=True)


def test_a_group_gives_rights_and_a_local_groups_name_does_not(host):
    host.write("/etc/sudoers.d/groups", "%readers ALL=(root) NOPASSWD: /usr/bin/id\n%plain ALL=(root) NOPASSWD: /usr/bin/head\n", "440")
    change(host, f"group plain {READERS + 1}", f"member carol {READERS} {READERS + 1}")
    as_carol = "setpriv --reuid=carol --regid=carol --init-groups "
    assert "/usr/bin/head" in shell(host, as_carol + "sudo -n -l").stdout
    shell(host, "echo plain:x:1777: >>/etc/group", check=True)
    r = shell(host, as_carol + "sudo -n -l")
    assert "/usr/bin/id" in r.stdout and "/usr/bin/head" not in r.stdout, r.stdout + r.stderr
    assert shell(host, as_carol + "sudo -n head -c1 /etc/shadow").returncode != 0
    assert shell(host, as_carol + "sudo -n id -u").stdout == "0\n"
    assert str(READERS + 1) in shell(host, "id carol").stdout  # the number is there, and has no name


def test_a_broken_table_is_in_nobodys_way(host):
    """The system's own accounts are added, changed and removed; ours are not known for so long."""
    shell(host, f"cp -p {TABLE} /srv/users; truncate -s 100 {TABLE}", check=True)
    assert shell(host, "getent passwd carol").returncode == 2
    host.write("/run/sysusers.conf", "u vk-tester - \"a daemon\"\n")
    shell(host, "useradd vk-local && id vk-local && systemd-sysusers /run/sysusers.conf && id vk-tester && userdel vk-local && userdel vk-tester", check=True)
    assert shell(host, "id bob").returncode == 0
    shell(host, f"rm {TABLE}", check=True)
    shell(host, "useradd vk-local && userdel vk-local", check=True)
    shell(host, f"cp -p /srv/users {TABLE}", check=True)
    assert shell(host, "id carol").returncode == 0


def test_nscd_forgets_what_has_changed(host):
    shell(host, "systemctl unmask nscd && systemctl start nscd", check=True)
    assert shell(host, "systemctl is-active valetkey-nss-flush.path").stdout == "active\n"
    try:
        shell(host, "systemctl stop valetkey-nss-flush.path", check=True)
        change(host, "user frank 1879048998")
        assert shell(host, "getent passwd frank").returncode == 0
        change(host, "remove frank")
        assert shell(host, "getent passwd frank").returncode == 0, "nscd answers here, and knows him for ten minutes more"
        shell(host, "systemctl start valetkey-nss-flush.path", check=True)
        change(host, "user dave 1879048999")
        until("dave", lambda: shell(host, "getent passwd dave").returncode == 0)
        change(host, "remove dave")
        until("nscd to forget dave", lambda: shell(host, "getent passwd dave").returncode == 2)
        assert shell(host, "getent passwd frank").returncode == 2
        # who was not there is known at once when he comes, by name and by id
        for i in range(20):
            assert shell(host, f"getent passwd erin{i}").returncode == 2
            change(host, f"user erin{i} {1879049000 + i}")
        until("everybody", lambda: shell(host, "getent passwd " + " ".join(f"erin{i}" for i in range(20))).returncode == 0)
        r = shell(host, "systemctl show -P Result valetkey-nss-flush.service valetkey-nss-flush.path")
        assert r.stdout.split() == ["success", "success"]
        # the package's removal ends the watching, and leaves nscd running
        shell(host, "dpkg --remove libnss-valetkey", check=True)
        assert shell(host, "systemctl is-active valetkey-nss-flush.path nscd").stdout.split() == ["inactive", "active"]
        assert shell(host, "nscd -i passwd; getent passwd carol").returncode == 2
    finally:
        shell(host, "systemctl stop nscd; systemctl mask nscd")
    assert shell(host, "systemctl is-active valetkey-nss-flush.path").stdout == "inactive\n"
