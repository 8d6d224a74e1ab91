# SPDX-License-Identifier: Apache-2.0
"""client_secret_file: a provider that insists on a secret of a client that can keep none."""
import json
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import Broker
from sandbox_client import copy_example
from worldlib import BUILD, CLI, until

MISCONFIGURED = 11


@pytest.fixture
def confidential(tmp_path):
    """A broker whose client has a secret at the provider, and its file."""
    cloud = copy_example(tmp_path / "cloud")
    (cloud / "clients" / "valetkey.json").write_text(json.dumps({"secret": "GOCSPX-one"}), encoding="utf-8")
    file = tmp_path / "secret"
    file.write_text("GOCSPX-one\n", encoding="utf-8")
    b = Broker(cloud=("--dir", str(cloud)), faults=["interval=1"], extra=f"client_secret_file = {file}")
    b.file = file
    yield b
    b.close()


def test_it_is_sent_wherever_the_client_speaks(confidential):
    b = confidential
    assert b.sign_in().returncode == 0
    assert b.shim().returncode == 0
    assert b.stats("token.device") >= 1
    for text in (b.log(), json.dumps(b.status())):
        assert "GOCSPX" not in text


def test_a_wrong_one_is_a_matter_of_configuration(confidential):
    b = confidential
    b.stop()
    b.file.write_text("GOCSPX-two\n", encoding="utf-8")
    b.start()
    r = b.run(CLI, "login", "--device", "--json")
    assert r.returncode == MISCONFIGURED and "GOCSPX" not in r.stderr and r.stderr.count("\n") == 1, (r.returncode, r.stderr)


def test_a_file_that_is_none_is_named(confidential):
    b = confidential
    before = b.log().count("broker.ready")
    b.file.write_text("x" * 2000, encoding="utf-8")
    b.proc.send_signal(signal.SIGHUP)  # goes on with what it had
    until("the refusal", lambda: str(b.file) in b.log())
    assert b.proc.poll() is None and b.log().count("broker.ready") == before
    assert b.sign_in().returncode == 0
    b.stop()
    for text in ("x" * 2000, "", None):
        if text is None:
            b.file.unlink()
        else:
            b.file.write_text(text, encoding="utf-8")
        for program, more in (("valetkey-broker", ()), ("valetkeyd", ("--run-dir", b.dir, "--state-dir", b.dir))):
            r = b.run(f"{BUILD}/{program}", "--config", b.config, *more)
            assert r.returncode == 1 and str(b.file) in r.stderr, (program, text, r.returncode, r.stderr)
