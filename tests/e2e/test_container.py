# SPDX-License-Identifier: Apache-2.0
"""valetkey container-args: with what it prints and nothing else of the host, a container without a network of its own comes to
the role. In rootless podman where the machine can run it, else in a bubblewrap sandbox that is given the same words."""
import contextlib
import json
import os
import pwd
import shutil
import subprocess

import pytest
from worldlib import BUILD, CLI

SHIM = "/usr/local/bin/valetkey-credential-process"


def words(world, engine, role="dev"):
    r = world.cli("container-args", "--json", role, engine)
    assert r.returncode == 0, r.stderr
    shown = world.cli("container-args", role, engine)
    assert shown.stdout == " ".join(json.loads(r.stdout)) + "\n"
    return json.loads(r.stdout)


def options(args, name):
    return [a.split("=", 1)[1] for a in args if a.startswith(f"--{name}=")]


def as_bubblewrap(args, uid):
    """The same mounts, environment and uid; the image is the host's /usr, without its runtime folders and network."""
    out = ["/usr/bin/bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--clearenv", "--uid", str(uid), "--gid", str(uid),
           "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
           "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/usr/local", "--dir", "/usr/local/bin"]
    for volume in options(args, "volume"):
        source, target, mode = volume.split(":")
        assert mode == "ro"
        out += ["--ro-bind", source, target]
    for pair in options(args, "env"):
        out += ["--setenv", *pair.split("=", 1)]
    return out + ["--setenv", "PATH", "/usr/bin:/bin", "--"]


@pytest.fixture
def box(shared_world):
    """run(*argv) inside."""
    shared_world.wait_claimed()
    shared_world.credentials()
    if not shutil.which("bwrap"):
        pytest.skip("no bubblewrap here")
    try_it = shared_world.run(*as_bubblewrap([], shared_world.uid), "/bin/true")
    if try_it.returncode:
        pytest.skip(f"bubblewrap cannot run here: {try_it.stderr.strip()}")
    args = words(shared_world, "podman")
    return lambda *argv: shared_world.run(*as_bubblewrap(args, shared_world.uid), *argv)


def test_a_container_comes_to_the_role(box):
    r = box(SHIM, "dev")
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["AccessKeyId"].startswith("ASIA")
    r = box("/usr/bin/python3", "-c", "import botocore.session as s; c = s.Session().get_credentials(); print(c.method, c.access_key[:4])")
    assert r.stdout == "custom-process ASIA\n", r.stderr


def test_nothing_of_the_host_can_be_written(box):
    r = box("/bin/sh", "-c", 'echo x >"$AWS_CONFIG_FILE"; echo x >"$XDG_RUNTIME_DIR/valetkey/new"; test -e "$HOME"')
    assert r.returncode != 0 and r.stderr.count("Read-only file system") == 2


def has_subordinate_ids(uid):
    try:
        names = {str(uid), pwd.getpwuid(uid).pw_name}
    except KeyError:
        names = {str(uid)}
    with contextlib.suppress(FileNotFoundError), open("/etc/subuid", encoding="utf-8") as f:
        return any(line.split(":")[0] in names for line in f)
    return False


def test_rootless_podman(shared_world):
    shared_world.wait_claimed()
    if not shutil.which("podman"):
        pytest.skip("no podman here")
    if not has_subordinate_ids(shared_world.uid):
        pytest.skip(f"uid {shared_world.uid} has no subordinate ids, which --userns=keep-id needs (a world of root's never has)")
    root = f"{shared_world.folder.path}/root"
    script = (f"mkdir -p {root}/usr {root}/run {root}/tmp {root}/proc {root}/dev {root}/sys {root}/etc && "
              f"for l in bin lib lib64; do ln -sfn usr/$l {root}/$l; done")
    os.makedirs(root, exist_ok=True)
    os.chown(root, shared_world.uid if os.geteuid() == 0 else -1, -1)
    env = {"HOME": f"{root}/tmp", "TMPDIR": f"{root}/tmp"}
    try:
        assert shared_world.run("/bin/sh", "-c", script).returncode == 0
        run = ["podman", "--storage-driver=vfs", "run", "--rm", "--network=none"]
        image = ["--volume=/usr/bin:/usr/bin:ro", "--volume=/usr/lib:/usr/lib:ro", "--volume=/usr/lib64:/usr/lib64:ro", "--rootfs", root]
        r = shared_world.run(*run, "--userns=keep-id", *image, "/bin/true", env=env)
        if r.returncode:
            pytest.skip(f"podman cannot run here: {r.stderr.strip().splitlines()[-1]}")
        r = shared_world.run(*run, *words(shared_world, "podman"), *image, SHIM, "dev", env=env)
        assert r.returncode == 0 and '"AccessKeyId":"ASIA' in r.stdout.replace(" ", ""), r.stderr
    finally:
        shared_world.run("podman", "system", "migrate", env=env)  # ends the process that holds the namespace
        subprocess.run(["chmod", "-R", "u+rwX", root], check=False)
        shutil.rmtree(root)


def test_what_is_printed(shared_world):
    shared_world.wait_claimed()
    uid = shared_world.uid
    podman, docker = words(shared_world, "podman"), words(shared_world, "docker")
    assert "--userns=keep-id" in podman and f"--user={uid}:{uid}" in podman
    assert "--userns=keep-id" not in docker and f"--user={uid}:{uid}" in docker
    assert f"--volume={BUILD}/valetkey-credential-process:{SHIM}:ro" in docker
    env = dict(e.split("=", 1) for e in options(docker, "env"))
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "eu-central-1"
    with open(f"{shared_world.runtime}/valetkey/container/dev.config", encoding="utf-8") as f:
        assert f.read() == f"[default]\ncredential_process = {SHIM} dev\nregion = eu-central-1\n"
    assert not [w for w in podman if "ASIA" in w]


def test_who_is_refused(shared_world):
    shared_world.wait_claimed()
    assert shared_world.cli("container-args", "dev", "lxc").returncode == 2
    assert shared_world.cli("container-args", "nosuch").returncode == 5
    if os.geteuid() == 0:
        r = shared_world.run(CLI, "container-args", "dev", as_uid=0)
        assert r.returncode == 4 and "run it as the user" in r.stderr
        # root in a container of root's: the shim itself is refused, with a sentence
        r = shared_world.run(f"{BUILD}/valetkey-credential-process", "dev", as_uid=0)
        assert r.returncode != 0 and r.stderr.count("\n") == 1 and not r.stdout
