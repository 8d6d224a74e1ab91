# SPDX-License-Identifier: Apache-2.0
"""valetkey exec and env in a world: what the command gets, that real SDKs come to the role by it, what stands in front of
it is named, and that a command is run as env(1) would run it."""
import os
import pathlib
import signal
import stat
import subprocess
import sys

import pytest
from worldlib import BUILD, CLI, until

STS = "aws --endpoint-url $VALETKEY_SANDBOX_STS sts get-caller-identity --query Arn --output text"


@pytest.fixture
def session(shared_world):
    """In the world's session, without its shared files: they have a [default] of their own."""
    shared_world.wait_claimed()
    shared_world.credentials()

    usual = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "HOME": shared_world.folder.path}

    def run(*argv, env=(), **kw):
        return shared_world.run(*argv, env={**usual, **dict(env)}, **kw)

    run.world = shared_world
    run.start = lambda *argv: shared_world.start(*argv, env=usual)
    return run


def put(world, name, text):
    path = f"{world.folder.path}/{name}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o644)
    return path


def environment(session, *options, **kw):
    r = session(CLI, "exec", *options, "--", "/usr/bin/env", "-0", **kw)
    assert (r.returncode, r.stderr) == (0, "")
    return dict(e.split("=", 1) for e in r.stdout.split("\0") if e)


def test_one_of_each_and_nothing_of_others(session):
    dirt = {n: "x" for n in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CREDENTIAL_FILE", "AWS_BEARER_TOKEN_BEDROCK")}
    env = environment(session, "--token=file", "dev", env=dirt)
    uri = env.pop("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    assert uri.startswith("http://127.0.0.1:") and uri.endswith("/credentials/role/dev")
    token = env.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    assert stat.S_IMODE(os.stat(token).st_mode) == 0o600
    assert (env["AWS_REGION"], env["AWS_DEFAULT_REGION"], env["AWS_EC2_METADATA_DISABLED"]) == ("eu-central-1", "eu-central-1", "true")
    assert not set(dirt) & set(env), "something of another role is left"
    with open(token, encoding="utf-8") as f:
        secret = f.read()
    assert secret not in str(env), "the token stands in the environment although it is in the file"
    env = environment(session, "--token=env", "dev")
    assert env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == secret and "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" not in env


def test_debians_aws_comes_to_the_role(session):
    """By the token in the environment, for Debian's botocore knows no file; chosen without being told."""
    r = session(CLI, "exec", "dev", "--", "/bin/sh", "-c", STS)
    assert r.returncode == 0 and ":assumed-role/dev/" in r.stdout, r.stderr
    r = session(CLI, "exec", "--isolated", "--static", "dev", "/bin/sh", "-c", STS)
    assert r.returncode == 0 and ":assumed-role/dev/" in r.stdout, r.stderr
    r = session("/bin/sh", "-c", f'eval "$({CLI} env dev)" && {STS}')
    assert r.returncode == 0 and ":assumed-role/dev/" in r.stdout, r.stderr


def test_the_crt_knows_the_token_in_the_environment_only(session):
    """aws-c-auth of Debian, which sends Host without a port; and that the other way is a refusal, not another credential."""
    show = "import awscrt.auth as a; print(a.AwsCredentialsProvider.new_default_chain().get_credentials().result(20).access_key_id)"
    if session("/usr/bin/python3", "-c", "import awscrt").returncode:
        pytest.skip("no python3-awscrt here")
    r = session(CLI, "exec", "dev", "/usr/bin/python3", "-c", show)
    assert r.returncode == 0 and r.stdout.startswith("ASIA"), r.stderr
    r = session(CLI, "exec", "--token=file", "dev", "/usr/bin/python3", "-c", show)
    assert r.returncode != 0 and not r.stdout


def test_static(session):
    env = environment(session, "--static", "dev")
    assert env["AWS_ACCESS_KEY_ID"].startswith("ASIA") and env["AWS_SESSION_TOKEN"] and env["AWS_CREDENTIAL_EXPIRATION"].endswith("Z")
    assert not [n for n in env if n.startswith("AWS_CONTAINER")]
    r = session(CLI, "exec", "--static", "--min-ttl", "900000", "dev", "true")
    assert r.returncode == 11 and r.stderr.count("\n") == 1
    r = session(CLI, "exec", "--min-ttl", "900", "dev", "true")
    assert r.returncode == 2 and "--static" in r.stderr


@pytest.mark.parametrize("name, variable, text, line, word", [
    ("config", "AWS_CONFIG_FILE", "[default]\nregion = x\naws_access_key_id = AKID\naws_secret_access_key = s\n", 3, "aws_access_key_id"),
    ("credentials", "AWS_SHARED_CREDENTIALS_FILE", "# keys\n[default]\naws_access_key_id = AKID\naws_secret_access_key = s\n", 3, "boto3, aws-cli-2, go-v2, js-v3, java-v2"),
    ("config", "AWS_CONFIG_FILE", "[default]\nsso_start_url = https://x\nsso_role_name = r\n", 3, "sso_role_name"),
    ("config", "AWS_CONFIG_FILE", "[default]\n\ncredential_process = /usr/bin/other dev\n", 3, "credential_process"),
    ("config", "AWS_CONFIG_FILE", "[default]\ncredential_process = /usr/bin/valetkey-credential-process other\n", 2, "credential_process"),
    ("config", "AWS_CONFIG_FILE", "[default]\nx = 1\nx = 2\n", 3, "boto3, aws-cli-2 cannot work with that"),
    ("boto", "BOTO_CONFIG", "[Credentials]\naws_access_key_id = AKID\naws_secret_access_key = s\n", 2, "boto3, aws-cli-2 would use")])
def test_what_would_win_is_named(session, name, variable, text, line, word):
    path = put(session.world, name, text)
    for verb, rest in (("exec", ["/bin/sh", "-c", "echo ran"]), ("env", [])):
        r = session(CLI, verb, "dev", *rest, env={variable: path})
        assert (r.returncode, r.stdout) == (11, ""), r.stderr
        assert f"{path}:{line}: " in r.stderr and word in r.stderr, r.stderr
    r = session(CLI, "exec", "--isolated", "dev", "--", "/bin/sh", "-c", STS, env={variable: path})
    assert r.returncode == 0 and ":assumed-role/dev/" in r.stdout, r.stderr


def test_our_own_process_of_the_same_role_is_no_stranger(session):
    path = put(session.world, "config", "[default]\ncredential_process = /usr/bin/valetkey-credential-process dev\n")
    r = session(CLI, "exec", "dev", "true", env={"AWS_CONFIG_FILE": path})
    assert (r.returncode, r.stderr) == (0, "")


def test_a_hostile_file_is_no_trouble(session):
    for text in ("\0" * 1000, "[" * 100000, "[default]\n" + "x=1\n y\n" * 100000, "\x1b]0;title\x07[default]\n"):
        path = put(session.world, "config", text)
        r = session(CLI, "exec", "dev", "true", env={"AWS_CONFIG_FILE": path})
        assert r.returncode in (0, 11) and "\x1b" not in r.stderr and r.stderr.count("\n") <= 1
    r = session(CLI, "exec", "dev", "true", env={"AWS_CONFIG_FILE": "/dev/zero"})
    assert r.returncode == 0, "a device is no file to botocore either"
    fifo = f"{session.world.folder.path}/fifo"
    os.mkfifo(fifo)
    r = session(CLI, "exec", "dev", "true", env={"AWS_CONFIG_FILE": fifo})
    assert r.returncode == 0
    os.unlink(fifo)


def test_isolated_leaves_nothing_behind(session):
    r = session(CLI, "exec", "--isolated", "dev", "--", "/bin/sh", "-c",
                'stat -c %a "$(dirname "$AWS_CONFIG_FILE")"; cat "$AWS_CONFIG_FILE" "$AWS_SHARED_CREDENTIALS_FILE"; echo x >"$AWS_CONFIG_FILE"; dirname "$AWS_CONFIG_FILE"')
    mode, folder = r.stdout.split()
    assert mode == "700" and folder.startswith(f"{session.world.runtime}/valetkey/exec-")
    assert not os.path.exists(folder)
    r = session(CLI, "exec", "--isolated", "dev", "/nonexistent")
    assert r.returncode == 127 and r.stderr.count("\n") == 1
    assert not [n for n in os.listdir(f"{session.world.runtime}/valetkey") if n.startswith("exec-")]


@pytest.mark.parametrize("options", [[], ["--isolated"]])
def test_a_command_is_run_as_env_runs_it(session, options):
    run = [CLI, "exec", *options, "dev", "--"]
    assert session(*run, "/bin/sh", "-c", "exit 41").returncode == 41
    r = session(*run, "/nonexistent")
    assert r.returncode == 127 and "/nonexistent" in r.stderr
    r = session(*run, "/etc/passwd")
    assert r.returncode == 126 and "/etc/passwd" in r.stderr
    assert session(*run, "/bin/sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
    assert session(*run, "/bin/cat", stdin=subprocess.DEVNULL).returncode == 0
    assert session(*run, "/usr/bin/printf", "%s|", "a b", "--", "", "$x").stdout == "a b|--||$x|"
    # a signal to whom the caller started goes to the command
    p = session.start(*run, "/bin/sh", "-c", 'trap "echo got; exit 7" TERM; echo up; while :; do sleep 0.05; done')
    assert p.stdout.readline() == "up\n"
    p.send_signal(signal.SIGTERM)
    out, _ = p.communicate(timeout=10)
    assert (out, p.returncode) == ("got\n", 7)


def test_ctrl_c_reaches_the_command_once(session):
    """On a terminal: both are in its foreground group, and only the command shall hear of it, once."""
    script = (f'import os,pty,sys,time\npid, fd = pty.fork()\nif pid == 0:\n    os.execv("{CLI}", ["valetkey", "exec", "--isolated", "dev", "--", "/bin/sh", "-c",'
              ' "trap \'n=x$n\' INT; echo up; sleep 1.2; echo \\"n=$n\\"; exit 5"])\n'
              'out = b""\nwhile b"up" not in out:\n    out += os.read(fd, 100)\nos.write(fd, b"\\x03")\n'
              'try:\n    while True:\n        more = os.read(fd, 100)\n        out += more\n        if not more: break\nexcept OSError: pass\n'
              'print(out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))')
    r = session(sys.executable, "-c", script)
    assert "n=x\n" in r.stdout and "n=xx" not in r.stdout and r.stdout.rstrip().endswith(" 5"), r.stdout + r.stderr


def test_who_is_not_there(session):
    r = session(CLI, "exec", "nosuch", "true")
    assert r.returncode == 5 and "nosuch" in r.stderr and r.stderr.count("\n") == 1
    assert session(CLI, "exec").returncode == 2
    assert session(CLI, "exec", "dev").returncode == 2
    assert session(CLI, "exec", "--token", "elsewhere", "dev", "true").returncode == 2
    assert session(CLI, "env", "--shell", "cmd.exe", "dev").returncode == 2


def test_nobody_signed_in(make_world):
    world = make_world("--no-sign-in", "--fault", "interval=1")
    r = world.cli("exec", "--isolated", "dev", "true")
    assert r.returncode == 3 and "valetkey login" in r.stderr


def test_how_the_token_is_told(session):
    """By what the command names; by what the machine has for all the others."""
    def told(*command, **env):
        r = session(CLI, "exec", "dev", *command, env=env)
        assert r.returncode == 0, r.stderr
        return {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "env", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "file"}[r.stdout.split("=")[0]]

    # Where the session's user may come; pytest's own folders are for their owner.
    tmp_path = pathlib.Path(session.world.folder.path)
    source = ("#include <stdlib.h>\n#include <stdio.h>\nstatic const char *volatile known[] = {%s};\nextern char **environ;\n"
              "int main(void) { for (char **e = environ; *e; e++) { const char *s = *e; int i = 0; const char *w = \"AWS_CONTAINER_\" \"AUTHORIZATION\";"
              " while (w[i] && s[i] == w[i]) i++; if (!w[i]) puts(s); } return known[0] == NULL; }\n")
    for name, variables in (("old", '"AWS_CONTAINER_AUTHORIZATION_TOKEN"'), ("new", '"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"')):
        (tmp_path / f"{name}.c").write_text(source % variables, encoding="utf-8")
        subprocess.run(["cc", "-O1", "-o", tmp_path / name, tmp_path / f"{name}.c"], check=True)
    assert told(str(tmp_path / "old")) == "env"
    assert told(str(tmp_path / "new")) == "file"
    botocore = "/usr/lib/python3/dist-packages/botocore/credentials.py"
    with open(botocore, encoding="utf-8") as f:
        knows = "AUTHORIZATION_TOKEN_FILE" in f.read()
    shell = ["/bin/sh", "-c", "env | grep ^AWS_CONTAINER_AUTH"]
    if not knows:
        assert told(*shell) == "env", "Debian's botocore does not know the file"
    else:
        assert told(*shell) == "file"
        folder = tmp_path / "venv/lib/python3.11/site-packages/botocore"
        folder.mkdir(parents=True)
        (folder / "credentials.py").write_text("AWS_CONTAINER_AUTHORIZATION_TOKEN", encoding="utf-8")
        assert told(*shell, VIRTUAL_ENV=str(tmp_path / "venv")) == "env"


def test_unreadable_program(session):
    assert os.path.exists(f"{BUILD}/valetkey")
    r = session(CLI, "exec", "dev", "--", "/proc/1/environ")
    assert r.returncode == 126
    until("no child to be left", lambda: not session.world.pids("sh"), 5)
