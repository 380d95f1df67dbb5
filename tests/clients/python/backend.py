"""A confidential web application with Authlib: client_secret_basic and PKCE, refresh, user info.

The ID token is validated by joserfc, which Authlib brings, and the access token (RFC 9068) by PyJWT.
"""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

# Authlib refuses plain http, which is right anywhere but on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import jwt
import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt as jose
from joserfc.jwk import KeySet

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
REDIRECT_URI = os.environ["REDIRECT_URI"]
SCOPE = "openid profile email offline_access"


def main():
    metadata = fetch(f"{ISSUER}/.well-known/openid-configuration")
    assert metadata["issuer"] == ISSUER, metadata["issuer"]
    session = OAuth2Session(
        CLIENT_ID,
        CLIENT_SECRET,
        scope=SCOPE,
        redirect_uri=REDIRECT_URI,
        token_endpoint_auth_method="client_secret_basic",
        code_challenge_method="S256",
    )
    verifier, nonce = generate_token(48), generate_token(20)
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, prompt="consent"
    )
    answer = callback_of(url)
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
    )
    claims = validate_id_token(token["id_token"], metadata, nonce)
    validate_access_token(token["access_token"], metadata, claims["sub"])

    person = session.get(metadata["userinfo_endpoint"])
    person.raise_for_status()
    assert person.json()["sub"] == claims["sub"], person.text

    renewed = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert renewed["access_token"] != token["access_token"]
    validate_access_token(renewed["access_token"], metadata, claims["sub"])
    print("backend: signed in, validated, refreshed")


def callback_of(url):
    """Opens the browser and waits for what comes back to the redirect URI."""
    arrived = []

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self):
            arrived.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    host, _, rest = REDIRECT_URI.removeprefix("http://").partition("/")
    address, _, port = host.partition(":")
    server = HTTPServer((address, int(port)), Callback)
    listener = threading.Thread(target=server.handle_request)
    listener.start()
    subprocess.run([*os.environ["BROWSER_COMMAND"].split("\n"), url], check=True)
    listener.join(timeout=30)
    server.server_close()
    assert arrived and arrived[0].startswith(f"/{rest}?"), arrived
    return f"http://{host}{arrived[0]}"


def validate_id_token(text, metadata, nonce):
    """OIDC Core §3.1.3.7."""
    keys = KeySet.import_key_set(fetch(metadata["jwks_uri"]))
    token = jose.decode(text, keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    jose.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": CLIENT_ID},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    ).validate(token.claims)
    return token.claims


def validate_access_token(text, metadata, subject):
    """RFC 9068 §4, as an API would."""
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(text)
    header = jwt.get_unverified_header(text)
    assert header["typ"] == "at+jwt", header
    claims = jwt.decode(
        text,
        key,
        algorithms=["ES256", "RS256", "EdDSA"],
        issuer=ISSUER,
        audience=ISSUER,
        options={"require": ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"]},
    )
    assert claims["sub"] == subject and claims["client_id"] == CLIENT_ID, claims
    assert set(claims["scope"].split()) == set(SCOPE.split()), claims["scope"]


def fetch(url):
    response = requests.get(url, timeout=10)
    response.raise_for_status()
    return response.json()


if __name__ == "__main__":
    main()
