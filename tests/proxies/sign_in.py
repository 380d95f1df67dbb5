"""Signs in through a proxy as a browser and a client do: authorize, login, code, token, userinfo; before that, once with
a wrong name. Standard library only.

Arguments: the proxy's port, a file with the certificate to believe, the address to come from. Prints what it saw as JSON.
"""

import base64
import hashlib
import html.parser
import http.client
import http.cookies
import json
import ssl
import sys
import urllib.parse

HOST = "id.example.com"
ISSUER = f"https://{HOST}"
PORT, AUTHORITY, SOURCE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
REDIRECT_URI = "https://app.example.com/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Connection(http.client.HTTPSConnection):
    """To the proxy on loopback, under the name of the issuer."""

    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = ssl.create_default_context(cafile=AUTHORITY).wrap_socket(self.sock, server_hostname=HOST)


class Form(html.parser.HTMLParser):
    """The first form of a page: where it goes and its fields."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields = None, {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = attributes["action"]
        if tag == "input" and attributes.get("type") == "hidden":
            self.fields.setdefault(attributes["name"], attributes.get("value", ""))


cookies = {}


def send(method, path, form=None, headers=()):
    connection = Connection("127.0.0.1", PORT, timeout=30, source_address=(SOURCE, 0))
    # A claim that nobody may believe.
    sent = {"Host": HOST, "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", **dict(headers)}
    if cookies:
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        sent.setdefault("Origin", ISSUER)
    connection.request(method, path, urllib.parse.urlencode(form) if form is not None else None, sent)
    answer = connection.getresponse()
    for value in answer.headers.get_all("Set-Cookie") or []:
        for name, morsel in http.cookies.SimpleCookie(value).items():
            assert name.startswith("__Host-") and morsel["secure"], value
            cookies[name] = morsel.value
    body = answer.read().decode()
    connection.close()
    return answer, body


def follow(answer, body):
    """To the end of the redirects within the issuer; the address that leads away, or the page."""
    while answer.status in (302, 303):
        location = urllib.parse.urljoin(ISSUER, answer.headers["Location"])
        if not location.startswith(ISSUER + "/"):
            return location, None
        answer, body = send("GET", location[len(ISSUER):])
    assert answer.status == 200, (answer.status, body)
    return None, body


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


_, discovery = send("GET", "/.well-known/openid-configuration")
discovery = json.loads(discovery)
assert all(value.startswith(ISSUER) for name, value in discovery.items() if name.endswith(("_endpoint", "_uri"))), discovery
# A wrong password is counted against the address it came from.
_, page = send("GET", "/login")
form = Form(page)
answer, _ = send("POST", "/login", form.fields | {"username": "mallory", "password": "seven maples at a stop"})
assert answer.status < 500 and answer.status != 303, answer.status
query = {
    "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT_URI, "scope": "openid email", "state": "s t/ä",
    "code_challenge": CHALLENGE, "code_challenge_method": "S256", "nonce": "n",
}
away, page = follow(*send("GET", "/authorize?" + urllib.parse.urlencode(query)))
assert away is None, away
form = Form(page)
form.fields |= {"username": "alice", "password": "seven maples at a stop"}
away, page = follow(*send("POST", urllib.parse.urljoin(ISSUER + "/login", form.action)[len(ISSUER):], form.fields))
assert away is not None, page
callback = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(away).query))
assert callback["state"] == query["state"], away
exchange = {
    "grant_type": "authorization_code", "code": callback["code"], "redirect_uri": REDIRECT_URI, "client_id": "app",
    "code_verifier": VERIFIER,
}
answer, body = send("POST", "/token", exchange)
assert answer.status == 200, body
tokens = json.loads(body)
answer, userinfo = send("GET", "/userinfo", headers={"Authorization": "Bearer " + tokens["access_token"]}.items())
assert answer.status == 200, userinfo
print(json.dumps({
    "discovery": discovery["issuer"],
    "callback": callback["iss"],
    "access_token": claims(tokens["access_token"])["iss"],
    "id_token": claims(tokens["id_token"])["iss"],
    "email": json.loads(userinfo)["email"],
}))
