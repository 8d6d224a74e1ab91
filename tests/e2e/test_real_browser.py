# SPDX-License-Identifier: Apache-2.0
"""Signing in in a real browser, at the sandbox and at servers nobody here wrote: a person types, presses, and ends on our page.
The pictures of that page are left in build/tests/browser/; those in docs/browser/ were taken from there."""
import json
import os
import subprocess
import sys
import urllib.parse

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
pytest_plugins = ("real.fixtures",)

from brokerlib import Broker  # noqa: E402
from real import chromium  # noqa: E402
from worldlib import BUILD, CLI, PATIENCE  # noqa: E402

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=str(chromium.why_not()))
PICTURES = f"{BUILD}/tests/browser"
PASSWORD = "correct horse battery"


class Login:
    """valetkey login --browser, and the address it is to be opened at."""

    def __init__(self, b, *options):
        self.proc = subprocess.Popen([CLI, "login", "--browser", "--json", *options], env=b.env, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.prompt = json.loads(self.proc.stdout.readline())
        assert self.prompt["event"] == "sign-in", self.prompt
        self.url = self.prompt["verification_uri"]
        self.query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.url).query))

    def end(self):
        out, err = self.proc.communicate(timeout=60 * PATIENCE)
        return self.proc.returncode, json.loads(out.splitlines()[-1]), err


@pytest.fixture(scope="module", params=["light", "dark"])
def person(request, tmp_path_factory):
    c = chromium.Chromium(tmp_path_factory.mktemp("chromium"), dark=request.param == "dark")
    c.scheme = request.param
    os.makedirs(PICTURES, exist_ok=True)
    yield c
    c.quit()


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    c = chromium.Chromium(tmp_path_factory.mktemp("chromium"))
    yield c
    c.quit()


@pytest.fixture
def make():
    made = []

    def broker(provider=None, *lines, **kw):
        b = Broker(start=False, **kw)
        made.append(b)
        if provider:
            with open(b.config, "w", encoding="utf-8") as f:
                f.write("\n".join(["[identity corp]", "type = oidc", f"issuer = {provider.issuer}", f"client_id = {provider.client_id}",
                                   *([f"ca_file = {provider.ca}"] if provider.ca else []), *lines]) + "\n")
        return b.start()

    yield broker
    for b in made:
        print(b.log())
        b.close()


def signed_in_as(b):
    (identity,) = b.status()["identities"]
    return identity["state"], json.dumps(identity)


def test_the_page_at_the_end(make, person):
    """Signed in, declined, and a tab of a sign-in that is over; as a person sees them by day and by night."""
    b = make(extra="scopes = openid profile email offline_access")
    login = Login(b)
    person.open(login.url)
    person.press("input[value='alice']")
    person.press("button[value='allow']")
    person.until(lambda: person.heading() == "Signed in to corp")
    person.shoot(f"{PICTURES}/signed-in-{person.scheme}.png")
    assert login.end()[0] == 0 and signed_in_as(b)[0] == "signed-in"
    here = person.driver.current_url
    dark = person.driver.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (person.scheme == "dark")

    login = Login(b)
    person.open(login.url)
    person.press("button[value='deny']")
    person.until(lambda: person.heading() == "Not signed in to corp")
    assert "declined" in person.find("p").text
    person.shoot(f"{PICTURES}/declined-{person.scheme}.png")
    assert login.end()[0] == 14

    port = urllib.parse.urlsplit(here).port
    login = Login(b, "--callback-port", str(port))
    person.open(here)
    person.until(lambda: person.heading() == "Not this sign-in")
    person.shoot(f"{PICTURES}/old-tab-{person.scheme}.png")
    assert [c for c in person.complaints() if "400" not in c] == [], "the page breaks its own policy"
    login.proc.terminate()
    login.proc.communicate()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_oidc_provider(make, bright, providers, host):
    """Any port of the loopback address, in both families; and it says who it is in what it sends back (RFC 9207)."""
    provider = providers.get("oidc-provider", "RS256")
    b = make(provider, f"callback_host = {host}")
    login = Login(b)
    assert login.query["redirect_uri"].startswith(f"http://{host}:")
    bright.driver.delete_all_cookies()
    bright.open(login.url)
    bright.type("login", "alice")
    bright.type("password", PASSWORD)
    bright.press("button")
    bright.until(lambda: bright.heading() == "Signed in to corp")
    assert login.end()[0] == 0 and "alice" in signed_in_as(b)[1]
    back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(bright.driver.current_url).query))
    assert back["iss"] == provider.issuer and back["state"] == login.query["state"]


def test_oidc_provider_of_another_name(make, bright, providers):
    """The same answer with another iss is not this provider's, whatever else is right."""
    provider = providers.get("oidc-provider", "RS256")
    b = make(provider)
    login = Login(b)
    target = login.query["redirect_uri"]
    bright.open(f"{target}?code=x&state={login.query['state']}&iss=https%3A%2F%2Fevil.example")
    bright.until(lambda: bright.heading() == "Not signed in to corp")
    assert "another provider" in bright.find("p").text
    assert login.end()[1]["outcome"] == "token-rejected" and signed_in_as(b)[0] != "signed-in"


def test_glewlwyd(make, bright, providers):
    """It compares the whole address, port and all."""
    port = 17891
    provider = providers.get("glewlwyd", "RS256", callback=f"http://127.0.0.1:{port}/callback")
    b = make(provider, f"callback_port = {port}")
    login = Login(b)
    assert login.query["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
    bright.driver.delete_all_cookies()
    bright.open(login.url)
    bright.find("#username").send_keys("alice")
    bright.find("#password").send_keys(PASSWORD)
    bright.press("#loginbut")
    bright.driver.implicitly_wait(0.2)

    def done():
        """Whatever it has to ask in between is gone on from."""
        for button in bright.driver.find_elements("xpath", "//button[contains(., 'Continue')]")[:1]:
            button.click()
        return any(h.text == "Signed in to corp" for h in bright.driver.find_elements("css selector", "h1"))

    try:
        bright.until(done)
    finally:
        bright.driver.implicitly_wait(15)
    assert login.end()[0] == 0
