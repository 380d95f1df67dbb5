"""A web application of Flask that signs people in with Authlib's client: PKCE, state and nonce are the library's work.

Signing out ends the session here and sends the browser to the server's end session endpoint with the ID token (OpenID
Connect RP-Initiated Logout 1.0 §2).
"""

import os
from urllib.parse import urlencode

# Authlib refuses plain http, which is right anywhere but on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for
from markupsafe import escape

app = Flask(__name__)
app.secret_key = os.environ["COOKIE_SECRET"]
# Cookies know no ports: the server's, on the same host, have other names.
app.config["SESSION_COOKIE_NAME"] = "shop"
oauth = OAuth(app)
oauth.register(
    "authward",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{os.environ['ISSUER']}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/orders")
def orders():
    if "email" not in session:
        return oauth.authward.authorize_redirect(url_for("callback", _external=True))
    return f"<p>Orders of {escape(session['email'])}</p>"


@app.get("/callback")
def callback():
    token = oauth.authward.authorize_access_token()
    session["email"] = oauth.authward.userinfo(token=token)["email"]
    session["id_token"] = token["id_token"]
    return redirect("/orders")


@app.get("/sign-out")
def sign_out():
    wish = {"id_token_hint": session["id_token"], "post_logout_redirect_uri": os.environ["GOODBYE"], "state": "out"}
    session.clear()
    endpoint = oauth.authward.load_server_metadata()["end_session_endpoint"]
    return redirect(f"{endpoint}?{urlencode(wish)}")


@app.get("/goodbye")
def goodbye():
    return "<p>Signed out</p>"


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
