# SPDX-License-Identifier: Apache-2.0
"""valetkey configure: the profiles it writes work in botocore, nothing of others' is changed by a byte, and what is no file that can be
changed is told in one line."""
import json
import os
import stat
import subprocess

import pytest
from worldlib import CLI, ROOT, SHIM

OTHERS = b"# mine\n[default]\nregion = eu-west-3\n\n[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = default\ns3 =\n  a = b"
UNSET = ["-u", "AWS_CONFIG_FILE", "-u", "AWS_SHARED_CREDENTIALS_FILE"]  # a world has its own


@pytest.fixture
def home(shared_world, tmp_path_factory):
    """run(*words, **env) with a folder of its own as home"""
    folder = tmp_path_factory.mktemp("home")
    for p in (folder, folder.parent, folder.parent.parent):
        os.chmod(p, 0o755)
    if ROOT:
        os.chown(folder, shared_world.uid, shared_world.uid)

    class Home:
        config = folder / ".aws/config"
        path = folder

        @staticmethod
        def run(*words, **env):
            return shared_world.run("/usr/bin/env", *UNSET, CLI, *words, env={"HOME": str(folder), **env})

        @staticmethod
        def python(code, **env):
            return shared_world.run("/usr/bin/env", *UNSET, "/usr/bin/python3", "-c", code, env={"HOME": str(folder), **env})

        def write(self, data, name="config", mode=0o644):
            self.config.parent.mkdir(mode=0o700, exist_ok=True)
            path = self.config.parent / name
            path.write_bytes(data)
            path.chmod(mode)
            if ROOT:
                os.chown(self.config.parent, shared_world.uid, shared_world.uid)
                os.chown(path, shared_world.uid, shared_world.uid)
            return path
    return Home()


def done(r):
    assert r.returncode == 0, r.stderr
    return r.stdout


def refused(r, code, *words):
    assert r.returncode == code, (r.returncode, r.stderr)
    assert r.stderr.count("\n") == 1 and r.stdout == "", (r.stdout, r.stderr)
    for w in words:
        assert w in r.stderr, r.stderr


def test_a_profile_that_botocore_uses(home, shared_world):
    assert done(home.run("configure", "dev")) == f"{home.config}: written: dev\n"
    assert f"\ncredential_process = {SHIM} dev\n" in home.config.read_text()
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o600 and stat.S_IMODE(home.config.parent.stat().st_mode) == 0o700
    shared_world.wait_claimed()
    r = home.python("import botocore.session as s; c = s.Session(profile='dev').get_credentials(); print(c.method, c.access_key[:4])")
    assert r.stdout == "custom-process ASIA\n", r.stderr
    before = home.config.stat()
    assert done(home.run("configure", "dev")) == f"{home.config}: as it was: dev\n"
    assert home.config.stat().st_ino == before.st_ino, "nothing to do, and the file is another"
    assert done(home.run("configure", "--remove")) == f"{home.config}: removed: dev\n"
    assert not home.config.exists(), "there was none before"
    assert "nothing of valetkey's" in done(home.run("configure", "--remove"))


def test_print_touches_nothing(home):
    out = done(home.run("configure", "--print", "dev"))
    assert out.startswith(f"[profile dev]\ncredential_process = {SHIM} dev\n")
    assert list(home.path.iterdir()) == []
    refused(home.run("configure", "--print", "dve"), 5, "dve")


@pytest.mark.parametrize("before", [OTHERS, OTHERS + b"\n", OTHERS.replace(b"\n", b"\r\n"), b"", "[profile müller]\nregion=x\n# ☃".encode()],
                         ids=["no-end", "end", "crlf", "empty", "utf8"])
def test_others_lines_stay_byte_for_byte(home, before):
    home.write(before, mode=0o640)
    doc = json.loads(done(home.run("configure", "--json", "dev")))
    assert (doc["written"], doc["removed"], doc["file"]) == (["dev"], [], str(home.config))
    assert home.config.read_bytes().startswith(before)
    st = home.config.stat()
    assert stat.S_IMODE(st.st_mode) == 0o640
    done(home.run("configure", "--remove", "dev"))
    assert home.config.read_bytes() == before


def test_what_others_write_around_and_inside_stays(home):
    home.write(OTHERS)
    done(home.run("configure", "dev"))
    text = home.config.read_bytes()
    home.write(text.replace(b"\nregion = eu-central-1", b"\noutput = json\nregion = eu-central-1") + b"\n[profile later]\nregion = x\n")
    grown = home.config.read_bytes()
    done(home.run("configure", "dev"))
    assert home.config.read_bytes() == grown
    refused(home.run("configure", "--remove"), 11, f"{home.config}:", "did not write this line")
    home.write(grown.replace(SHIM.encode(), b"/old/" + os.path.basename(SHIM).encode()))
    assert "written: dev" in done(home.run("configure", "dev"))
    text = home.config.read_bytes()
    assert b"output = json\n" in text and text.startswith(OTHERS) and text.endswith(b"\n\n[profile later]\nregion = x\n")
    home.write(text.replace(b"output = json\n", b""))
    done(home.run("configure", "--remove"))
    assert home.config.read_bytes() == OTHERS + b"\n\n[profile later]\nregion = x\n"


@pytest.mark.parametrize("name, text, line", [("config", b"\n[profile dev]\nregion = x\n", 2), ("config", b"[profile 'dev'] # why\n", 1),
                                              ("credentials", b"[default]\naws_access_key_id = AKIDEXAMPLE\n[dev]\n", 3)])
def test_a_profile_of_somebody_elses(home, name, text, line):
    path = home.write(text, name)
    refused(home.run("configure"), 11, f"{path}:{line}: ", "'dev'")
    assert path.read_bytes() == text and (name == "config" or not home.config.exists())


def test_a_link_and_another_path(home, shared_world):
    home.write(OTHERS, "real")
    home.config.symlink_to("real")
    done(home.run("configure", "dev"))
    assert home.config.is_symlink() and (home.config.parent / "real").read_bytes().startswith(OTHERS)
    other = home.path / "elsewhere"
    done(shared_world.run(CLI, "configure", env={"HOME": str(home.path), "AWS_CONFIG_FILE": str(other)}))
    assert other.exists() and (not ROOT or other.stat().st_uid == shared_world.uid)
    home.config.unlink()
    home.config.symlink_to("nowhere")
    refused(home.run("configure"), 11, "symbolic link")
    home.config.unlink()
    home.config.symlink_to("config")
    refused(home.run("configure"), 11, str(home.config))


def test_stale_profiles_are_told(home):
    done(home.run("configure", "dev"))
    home.write(home.config.read_bytes().replace(b"[profile dev]", b"[profile gone]"))
    doc = json.loads(done(home.run("configure", "--json", "dev")))
    assert (doc["stale"], doc["written"]) == (["gone"], ["dev"])
    doc = json.loads(done(home.run("configure", "--json", "--remove", "gone")))
    assert doc["removed"] == ["gone"]
    refused(home.run("configure", "--remove", "gone"), 2, "gone")


@pytest.mark.parametrize("data, line", [(os.urandom(2000).replace(b"\0", b"") + b"\0", ""), (b"[default]\nregion = \0x\n", ":2: "), (b"x" * (10 << 20), ""),
                                        (b"[default]\nthis is nothing\n", ":2: "), (b"[a]\n[a]\n", ":2: "), (b"[a]\n\xff = \xfe\n", ":2: "),
                                        (b"# >>> valetkey configure >>>\n[profile x]\n", ":1: ")],
                         ids=["random", "zero", "10-megabytes", "no-setting", "twice", "not-utf8", "no-end"])
def test_hostile_files(home, data, line):
    home.write(data)
    refused(home.run("configure"), 11, f"{home.config}{line}")
    assert home.config.read_bytes() == data


def test_what_is_no_file(home, shared_world):
    home.write(b"")
    home.config.unlink()
    home.config.mkdir()
    for verb in (["configure"], ["configure", "--remove"]):
        refused(home.run(*verb), 11, "folder")
    home.config.rmdir()
    os.mkfifo(home.config)
    if ROOT:
        os.chown(home.config, shared_world.uid, shared_world.uid)
    refused(home.run("configure"), 11, "no regular file")
    home.config.unlink()
    home.write(OTHERS, mode=0)
    if ROOT and shared_world.uid:
        refused(home.run("configure"), 11, "Permission denied")
    home.write(OTHERS, mode=0o444)
    refused(home.run("configure"), 11, "write-protected")
    home.config.chmod(0o644)
    home.config.parent.chmod(0o500)
    if shared_world.uid:
        refused(home.run("configure"), 11, "Permission denied")
    home.config.parent.chmod(0o700)
    assert home.config.read_bytes() == OTHERS


def test_usage(home):
    for words in (["--print", "--remove"], ["--bad"]):
        r = home.run("configure", *words)
        assert r.returncode == 2 and "Usage" in r.stderr
    refused(home.run("configure", "nobody"), 5, "nobody")


def test_two_at_once(home, shared_world):
    home.write(OTHERS)
    running = [shared_world.start("/usr/bin/env", *UNSET, CLI, "configure", env={"HOME": str(home.path)}) for _ in range(6)]
    assert [p.wait(20) for p in running] == [0] * 6, [p.stderr.read() for p in running]
    for p in running:
        p.stdout.close()
        p.stderr.close()
    text = home.config.read_bytes()
    assert text.startswith(OTHERS) and text.count(b"[profile dev]") == text.count(b"[profile admin]") == 1
    assert sorted(os.listdir(home.config.parent)) == ["config"], "something was left behind"


def test_it_is_one_word_away(home):
    assert "configure" in subprocess.run([CLI, "--help"], capture_output=True, text=True, check=True).stdout
    assert done(home.run("configure", "--help")).startswith("Usage: valetkey configure")
