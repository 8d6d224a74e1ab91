# SPDX-License-Identifier: Apache-2.0
"""A person's browser in forty lines: cookies, forms, redirects, a private CA. It approves what a provider asks."""
import http.cookiejar
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request


class Browser:
    def __init__(self, ca=None, headers=None):
        self.headers = headers or {}
        context = ssl.create_default_context(cafile=ca) if ca else ssl.create_default_context()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context),
                                                  urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def send(self, url, form=None, json_body=None, method=None):
        """Status and body, also of a refusal."""
        headers, data = dict(self.headers), None
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
        if json_body is not None:
            data = json.dumps(json_body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with self.opener.open(request, timeout=20) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def expect(self, url, status=200, **kw):
        got, body = self.send(url, **kw)
        if got != status:
            raise RuntimeError(f"{url} answered {got}, not {status}: {body[:500]}")
        return body
