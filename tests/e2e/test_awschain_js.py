# SPDX-License-Identifier: Apache-2.0
"""lib/awschain against the AWS SDK for JavaScript itself (from npm; skipped where there is none): generated files and
environments, and for each which source its default chain really takes credentials from."""
import http.server
import json
import os
import random
import subprocess
import sys
import threading

import pytest
from worldlib import BUILD

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real import npm  # noqa: E402

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = 400
PROCESS = "credential_process = /bin/echo {\"Version\":1,\"AccessKeyId\":\"AKIDPROCESS\",\"SecretAccessKey\":\"s\"}"
BLOCKS = [["aws_access_key_id = AKIDKEYS", "aws_secret_access_key = s"], ["aws_access_key_id = AKIDKEYS # mine"], [PROCESS.replace("{", "'{").replace("}", "}'")],
          ["role_arn = arn:aws:iam::123456789012:role/x", "source_profile = source"], ["role_arn = arn:aws:iam::123456789012:role/x"],
          ["role_arn = arn:aws:iam::123456789012:role/x", "web_identity_token_file = {token}"], ["sso_account_id = 123456789012", "sso_role_name = r",
           "sso_start_url = https://x", "sso_region = eu-west-1"], ["region = eu-central-1"], ["s3 =", "  role_arn = x"], ["output"], ["# role_arn = x"], []]
# Not "[ default ]", which is a profile to Go and Java and none to JavaScript: the walk finds rather too much.
SECTIONS = ["[default]", "[profile default]", "[profile other]", "[profile third] ; x"]
VARIABLES = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "other"}


class Container(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"AccessKeyId": "AKIDCONTAINER", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Container)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{s.server_address[1]}/"
    s.shutdown()
    s.server_close()


def some_file(rng, sections, token):
    lines = []
    for section in rng.sample(sections, rng.choice([0, 0, 1, 1, len(sections)])):
        lines.append(section)
        for block in rng.sample(BLOCKS, rng.choice([0, 1, 1, 1, 2])):
            lines += [line.replace("{token}", token) for line in block]
    # A source that has nothing is passed over by this SDK when it comes to it; the walk does not look that far.
    lines += ["[source]", "aws_access_key_id = AKIDSOURCE", "aws_secret_access_key = s"]
    return rng.choice(["\n", "\n", "\r\n"]).join(lines) + "\n"


def test_the_js_sdk_takes_what_the_walk_says(tmp_path, server):
    why = npm.why_not()
    if why:
        pytest.skip(why)
    program = os.path.join(npm.install(BUILD, os.path.join(HERE, "real/js")), "chain.mjs")
    (tmp_path / ".aws").mkdir()
    (tmp_path / "token").write_text("x.y.z")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    rng, seen = random.Random(7), {}
    with subprocess.Popen(["node", program], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as js, \
            subprocess.Popen([f"{BUILD}/tests/helpers/aws_chain", "--serve"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
        for case in range(CASES):
            (tmp_path / ".aws/config").write_bytes(some_file(rng, SECTIONS, str(tmp_path / "token")).encode())
            (tmp_path / ".aws/credentials").write_bytes(some_file(rng, ["[default]", "[other]"], str(tmp_path / "token")).encode())
            variables = {k: v for k, v in VARIABLES.items() if rng.random() < 0.15}
            if rng.random() < 0.8:
                variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server
            if rng.random() < 0.1:
                variables.update(AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"), AWS_ROLE_ARN="arn:aws:iam::1:role/e")
            js.stdin.write(json.dumps(variables) + "\n")
            js.stdin.flush()
            want = js.stdout.readline().strip()
            ours.stdin.write(" ".join(f"{k}={v}" for k, v in variables.items()) + "\n")
            ours.stdin.flush()
            answer = {}
            while (line := ours.stdout.readline().rstrip("\n")):
                sdk, kind, where = line.split(" ", 2)
                answer[sdk] = (kind, where)
            kind, where = answer["js-v3"]
            got = "web-identity" if kind == "env-web-identity" else kind
            files = "\n".join(f"--{n}\n{(tmp_path / '.aws' / n).read_text()}" for n in ("config", "credentials"))
            assert got == want, f"case {case}: {where}\n{variables}\n{files}"
            seen[want] = seen.get(want, 0) + 1
        js.stdin.close()
        ours.stdin.close()
    assert set(seen) >= {"env-keys", "keys", "process", "container", "assume-role", "web-identity", "sso", "nothing"}, seen
