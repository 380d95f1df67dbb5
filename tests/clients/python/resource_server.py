"""APIs that validate access tokens: PyJWT and Authlib (RFC 9068) through JWKS, Authlib by introspection (RFC 7662).

The tokens are requests-oauthlib's, by client_credentials with the secret in the header and in the body.
"""

import os
import time
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest import mock

# Both refuse plain http, which is right anywhere but on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.errors import ExpiredTokenError
from joserfc.jwk import KeySet
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as RequestsOAuth2Session

ISSUER = os.environ["ISSUER"]
API = os.environ["API"]
OTHER = os.environ["OTHER"]
LATER_SECONDS = 2 * 3600

metadata = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()


def main():
    read = token_by_basic(f"{API}/at-jwt", "orders:read")
    elsewhere = token_by_basic(f"{OTHER}/at-jwt", "orders:read")
    forgeries = [forged(read, jwt.get_unverified_header(read)["kid"]), forged(read, "a-key-of-nobody")]
    pyjwt(read, elsewhere, forgeries)
    authlib(read, elsewhere, forgeries)
    introspection()
    print("python: PyJWT, Authlib by JWKS and by introspection")


def token_by_basic(resource, scope):
    client_id, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
    session = RequestsOAuth2Session(client=BackendApplicationClient(client_id, scope=scope))
    token = session.fetch_token(
        metadata["token_endpoint"], auth=HTTPBasicAuth(client_id, secret), resource=resource
    )
    assert token.scope_changed is False, token
    assert "refresh_token" not in token, "RFC 6749 §4.4.3"
    return token["access_token"]


def token_by_post(resource, scope):
    client = BackendApplicationClient(os.environ["POST_CLIENT_ID"], scope=scope)
    session = RequestsOAuth2Session(client=client)
    token = session.fetch_token(
        metadata["token_endpoint"],
        client_secret=os.environ["POST_CLIENT_SECRET"],
        include_client_id=True,
        resource=resource,
    )
    return token["access_token"]


def forged(text, kid):
    """The same claims, signed with a key of our own."""
    claims = jwt.decode(text, options={"verify_signature": False})
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims, key, algorithm="ES256", headers={"typ": "at+jwt", "kid": kid})


def pyjwt(read, elsewhere, forgeries):
    resource = f"{API}/at-jwt"
    keys = jwt.PyJWKClient(metadata["jwks_uri"])  # once, and keep it: it caches the keys

    def validate(text):
        if jwt.get_unverified_header(text).get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("this is not an access token")
        return jwt.decode(
            text,
            keys.get_signing_key_from_jwt(text),
            algorithms=["ES256", "RS256", "EdDSA"],
            issuer=ISSUER,
            audience=resource,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]},
        )

    claims = validate(read)
    assert claims["client_id"] == os.environ["CLIENT_ID"] and claims["scope"] == "orders:read", claims
    refused(jwt.InvalidAudienceError, validate, elsewhere)
    refused(jwt.InvalidSignatureError, validate, forgeries[0])
    refused(jwt.PyJWKClientError, validate, forgeries[1])
    with mock.patch.object(jwt.api_jwt, "datetime", Later):
        refused(jwt.ExpiredSignatureError, validate, read)


class Later(datetime):
    """A clock that is two hours ahead."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=LATER_SECONDS)


def authlib(read, elsewhere, forgeries):
    class Validator(JWTBearerTokenValidator):
        keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())

        def get_jwks(self):
            return self.keys

    protector = ResourceProtector()
    protector.register_token_validator(Validator(ISSUER, f"{API}/at-jwt"))
    claims = protector.validate_request(["orders:read"], request(read))
    assert claims["client_id"] == os.environ["CLIENT_ID"], claims
    refused_with(401, "invalid_token", protector, ["orders:read"], elsewhere)
    for forgery in forgeries:
        refused_with(401, "invalid_token", protector, ["orders:read"], forgery)
    refused_with(403, "insufficient_scope", protector, ["orders:write"], read)
    refused_with(401, "invalid_token", protector, ["orders:read"], token_by_basic(f"{API}/jwt", "orders:read"))
    refused(ExpiredTokenError, claims.validate, now=int(time.time()) + LATER_SECONDS)


def introspection():
    asking = OAuth2Session(os.environ["API_CLIENT_ID"], os.environ["API_CLIENT_SECRET"])

    class Validator(IntrospectTokenValidator):
        def introspect_token(self, text):
            response = asking.introspect_token(metadata["introspection_endpoint"], token=text)
            response.raise_for_status()
            return response.json()

    protector = ResourceProtector()
    protector.register_token_validator(Validator())
    read = token_by_post(f"{API}/opaque", "orders:read")
    answer = protector.validate_request(["orders:read"], request(read))
    assert answer["client_id"] == os.environ["POST_CLIENT_ID"], answer
    assert answer["aud"] == f"{API}/opaque", answer
    refused_with(403, "insufficient_scope", protector, ["orders:write"], read)
    refused_with(401, "invalid_token", protector, ["orders:read"], read[1:])
    refused_with(401, "invalid_token", protector, ["orders:read"], token_by_post(f"{OTHER}/opaque", "orders:read"))
    # JWTs may be asked about too.
    signed = token_by_post(f"{API}/at-jwt", "orders:read")
    assert protector.validate_request(["orders:read"], request(signed))["active"] is True
    for token in [read, signed]:
        revoke(token)
        refused_with(401, "invalid_token", protector, ["orders:read"], token)


def revoke(text):
    """RFC 7009 §2.1, by the client that the token was issued to."""
    session = OAuth2Session(
        os.environ["POST_CLIENT_ID"],
        os.environ["POST_CLIENT_SECRET"],
        revocation_endpoint_auth_method="client_secret_post",
    )
    session.revoke_token(metadata["revocation_endpoint"], token=text).raise_for_status()


def request(text):
    return SimpleNamespace(headers={"Authorization": f"Bearer {text}"})


def refused_with(status, error, protector, scopes, text):
    try:
        protector.validate_request(scopes, request(text))
    except OAuth2Error as refusal:
        assert (refusal.status_code, refusal.error) == (status, error), (refusal.status_code, refusal.error)
    else:
        raise AssertionError(f"{error} was expected")


def refused(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


if __name__ == "__main__":
    main()
