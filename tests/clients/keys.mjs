// A client with keys of its own, with openid-client: it authenticates itself by private_key_jwt, signs its authorization
// request (RFC 9101), and is sent its ID token and claims signed and encrypted to it. The keys are those of RFC 7515
// appendix A.3 and RFC 7518 appendix C, which everybody knows.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

const oidc = await import('openid-client');
const { signIn } = await import('./person.mjs');

const { ISSUER, CLIENT_ID, REDIRECT_URI, USERNAME, PASSWORD, SIGNING_KEY, RECEIVING_KEY } = process.env;

const curve = { namedCurve: 'P-256' };
const signing = await crypto.subtle.importKey('jwk', JSON.parse(SIGNING_KEY), { name: 'ECDSA', ...curve }, false, ['sign']);
const receiving = await crypto.subtle.importKey('jwk', JSON.parse(RECEIVING_KEY), { name: 'ECDH', ...curve }, false, ['deriveBits']);
const signingKey = { key: signing, kid: JSON.parse(SIGNING_KEY).kid };

const metadata = { id_token_signed_response_alg: 'PS256', userinfo_signed_response_alg: 'EdDSA' };
const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, metadata, oidc.PrivateKeyJwt(signingKey), {
  execute: [oidc.allowInsecureRequests],
});
const decrypted = [];
oidc.enableDecryptingResponses(config, undefined, { key: receiving, kid: JSON.parse(RECEIVING_KEY).kid });

const verifier = oidc.randomPKCECodeVerifier();
const state = oidc.randomState();
const nonce = oidc.randomNonce();
const request = await oidc.buildAuthorizationUrlWithJAR(config, {
  redirect_uri: REDIRECT_URI,
  scope: 'openid profile email offline_access',
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
}, signingKey);
assert.deepEqual([...request.searchParams.keys()].sort(), ['client_id', 'request']);
const callback = await signIn(request.href, { username: USERNAME, password: PASSWORD, home: REDIRECT_URI, deliver: false });

const answered = config[oidc.customFetch] ?? fetch;
config[oidc.customFetch] = async (url, options) => {
  const response = await answered(url, options);
  const text = await response.clone().text();
  const sent = text.startsWith('{') ? JSON.parse(text).id_token : text;
  if (sent?.split('.').length === 5) decrypted.push(new URL(url).pathname);
  return response;
};
const tokens = await oidc.authorizationCodeGrant(config, new URL(callback), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
});
const claims = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
assert.equal(claims.email, 'haneul@example.com');
assert.deepEqual(decrypted, ['/token', '/userinfo']);
const known = await oidc.tokenIntrospection(config, tokens.access_token);
assert.equal(known.active, true);
const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
await oidc.tokenRevocation(config, renewed.refresh_token);
await assert.rejects(oidc.refreshTokenGrant(config, renewed.refresh_token), { error: 'invalid_grant' });
console.log('keys: authenticated, signed its request, read what was encrypted to it');
