// A native app (RFC 8252) with openid-client: a loopback listener on a random port, registered without a port,
// authorization code with PKCE, user info, refresh; the access token (RFC 9068) is validated with jose.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

const oidc = await import('openid-client');
const { createRemoteJWKSet, jwtVerify } = await import('jose');
const { signIn } = await import('./person.mjs');

const { ISSUER, CLIENT_ID, USERNAME, PASSWORD } = process.env;
const scope = 'openid profile email offline_access';

const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, undefined, oidc.None(), {
  execute: [oidc.allowInsecureRequests],
});
const app = await listen();
const redirectUri = `http://127.0.0.1:${app.port}/callback`;

const verifier = oidc.randomPKCECodeVerifier();
const state = oidc.randomState();
const nonce = oidc.randomNonce();
const request = oidc.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope,
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
  prompt: 'consent',
});
await signIn(request.href, { username: USERNAME, password: PASSWORD, home: redirectUri });
const callback = await app.callback;

const tokens = await oidc.authorizationCodeGrant(config, callback, {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
});
const subject = tokens.claims().sub;
await validate(tokens.access_token, subject);
assert.equal(typeof tokens.expires_in, 'number');

const person = await oidc.fetchUserInfo(config, tokens.access_token, subject);
assert.equal(person.sub, subject);

assert.ok(tokens.refresh_token, 'a refresh token was asked for');
const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
assert.notEqual(renewed.access_token, tokens.access_token);
assert.notEqual(renewed.refresh_token, tokens.refresh_token, 'a public client rotates');
await validate(renewed.access_token, subject);
const again = await oidc.refreshTokenGrant(config, renewed.refresh_token);
await validate(again.access_token, subject);
app.close();
console.log('native: signed in, validated, refreshed twice');

// RFC 9068 §4, as an API would: signature through JWKS, type, issuer, audience, and the claims that must be there.
async function validate(token, subject) {
  const { jwks_uri: keys } = config.serverMetadata();
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(keys)), {
    issuer: ISSUER,
    audience: ISSUER,
    typ: 'at+jwt',
    requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id', 'scope'],
  });
  assert.equal(payload.sub, subject);
  assert.equal(payload.client_id, CLIENT_ID);
  assert.deepEqual(payload.scope.split(' ').sort(), scope.split(' ').sort());
}

async function listen() {
  let arrived;
  const callback = new Promise((resolve) => { arrived = resolve; });
  const server = createServer((request, response) => {
    response.setHeader('connection', 'close');
    response.end('You may close this window.');
    arrived(new URL(request.url, `http://127.0.0.1:${server.address().port}`));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { port: server.address().port, callback, close: () => server.close() };
}
