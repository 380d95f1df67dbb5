// A client of the MCP SDK, registered beforehand, at examples/api: from a 401 through the resource's metadata (RFC 9728)
// and the server's (RFC 8414) to an authorization request with PKCE and `resource` (RFC 8707), to a token for that API,
// and to the next one by refresh.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

const { auth, extractWWWAuthenticateParams } = await import('@modelcontextprotocol/sdk/client/auth.js');
const { createApi } = await import('../../examples/api/api.mjs');
const { decodeJwt } = await import('jose');
const { signIn } = await import('./person.mjs');

const { ISSUER, CLIENT_ID, USERNAME, PASSWORD, API_PORT } = process.env;
const resource = `http://127.0.0.1:${API_PORT}`;
const api = createApi({ issuer: ISSUER, resource, accessTokenType: 'at+jwt', reportEvery: 60 });
api.server.listen(Number(API_PORT), '127.0.0.1');
await once(api.server, 'listening');

const app = createServer((_, response) => response.end('You may close this window.'));
app.listen(0, '127.0.0.1');
await once(app, 'listening');
const redirectUrl = `http://127.0.0.1:${app.address().port}/callback`;

const memory = {};
const provider = {
  redirectUrl,
  clientMetadata: { client_name: 'MCP client', redirect_uris: [redirectUrl] },
  state: () => 'a-state-of-this-test',
  clientInformation: () => ({ client_id: CLIENT_ID, issuer: ISSUER }),
  tokens: () => memory.tokens,
  saveTokens: (tokens) => { memory.tokens = tokens; },
  redirectToAuthorization: (url) => { memory.request = url; },
  saveCodeVerifier: (verifier) => { memory.verifier = verifier; },
  codeVerifier: () => memory.verifier,
};

const refused = await fetch(`${resource}/orders`);
assert.equal(refused.status, 401);
const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(refused);
const server = { serverUrl: resource, resourceMetadataUrl, scope: `${scope} offline_access` };
assert.equal(await auth(provider, server), 'REDIRECT');
assert.equal(memory.request.searchParams.get('code_challenge_method'), 'S256');
assert.equal(memory.request.searchParams.get('resource'), resource);

const arrived = new URL(await signIn(memory.request.href, { username: USERNAME, password: PASSWORD, home: redirectUrl }));
assert.equal(arrived.searchParams.get('state'), 'a-state-of-this-test');
assert.equal(await auth(provider, { ...server, authorizationCode: arrived.searchParams.get('code') }), 'AUTHORIZED');
await use(memory.tokens.access_token);

const first = memory.tokens;
assert.ok(first.refresh_token, 'offline_access was asked for');
assert.equal(await auth(provider, server), 'AUTHORIZED');
assert.notEqual(memory.tokens.access_token, first.access_token);
await use(memory.tokens.access_token);

app.close();
await api.stop();
console.log('mcp: discovered, authorized for the API, called it, refreshed');

async function use(token) {
  assert.equal(decodeJwt(token).aud, resource);
  const answer = await fetch(`${resource}/orders`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
}
