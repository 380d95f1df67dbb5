// examples/api as its users run it, called with openid-client's tokens: what it lets in, what it refuses and with which
// challenge, for each form of access token; the same API in this process with a clock two hours ahead; and one whose
// authorization server is away.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

const oidc = await import('openid-client');
const { SignJWT, decodeJwt, decodeProtectedHeader, generateKeyPair } = await import('jose');
const { createApi } = await import('../../examples/api/api.mjs');
const { reporter } = await import('../../examples/api/usage.mjs');
const { start } = await import('./example_api.mjs');

const { ISSUER, API, OTHER, CLIENT_ID, CLIENT_SECRET } = process.env;
const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, oidc.ClientSecretBasic(CLIENT_SECRET), {
  execute: [oidc.allowInsecureRequests],
});
const token = async (resource, scope) => (await oidc.clientCredentialsGrant(config, { resource, scope })).access_token;

for (const [type, path] of [['at+jwt', 'at-jwt'], ['JWT', 'jwt'], ['opaque', 'opaque']]) {
  const resource = `${API}/${path}`;
  const program = await start({ RESOURCE: resource, ACCESS_TOKEN_TYPE: type });
  const api = { ...program, call: caller(program.url) };
  const [read, both] = [await token(resource, 'orders:read'), await token(resource, 'orders:read orders:write')];

  // A stranger learns where tokens come from (RFC 9728 §5.1), and of no error (RFC 6750 §3.1).
  const stranger = await api.call('GET', '/orders');
  assert.equal(stranger.status, 401);
  const pointer = `${new URL(API).origin}/.well-known/oauth-protected-resource${new URL(resource).pathname}`;
  assert.deepEqual(challengeOf(stranger), { realm: 'orders', scope: 'orders:read', resource_metadata: pointer });
  const described = await api.call('GET', new URL(pointer).pathname);
  assert.deepEqual(await described.json(), {
    resource,
    authorization_servers: [ISSUER],
    scopes_supported: ['orders:read', 'orders:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Orders',
  });

  assert.equal((await api.call('POST', '/orders', both, { item: 'rice' })).status, 201);
  const listed = await api.call('GET', '/orders', read);
  assert.equal(listed.status, 200);
  assert.deepEqual(await listed.json(), [{ id: '1', item: 'rice' }]);
  assert.equal((await api.call('GET', '/orders/1', read)).status, 200);
  assert.equal((await api.call('GET', '/orders/2', read)).status, 404);

  const narrow = await api.call('POST', '/orders', read, { item: 'rice' });
  assert.equal(narrow.status, 403);
  assert.equal(challengeOf(narrow).error, 'insufficient_scope');
  assert.equal(challengeOf(narrow).scope, 'orders:write');

  const bad = [await token(`${OTHER}/${path}`, 'orders:read'), `${read}A`, read.slice(1)];
  if (type !== 'opaque') bad.push(...await forgeries(read), await token(`${API}/opaque`, 'orders:read'));
  if (type === 'at+jwt') bad.push(await token(`${API}/jwt`, 'orders:read'));
  for (const one of bad) {
    const answer = await api.call('GET', '/orders', one);
    assert.equal(answer.status, 401);
    assert.equal(challengeOf(answer).error, 'invalid_token');
  }
  for (const authorization of ['Bearer', 'Bearer two words', 'Bearer {"a":1}']) {
    const answer = await fetch(`${api.url}/orders`, { headers: { authorization } });
    assert.equal(answer.status, 400, authorization);
    assert.equal(challengeOf(answer).error, 'invalid_request');
  }
  assert.equal((await fetch(`${api.url}/orders?access_token=${read}`)).status, 401, 'no token in a URL');

  assert.equal((await api.call('DELETE', '/orders', both)).headers.get('allow'), 'GET, POST');
  assert.equal((await api.call('GET', '/nothing', both)).status, 404);
  assert.equal((await api.call('POST', '/orders', both, { item: 'x'.repeat(20_000) })).status, 413);
  assert.equal((await api.call('POST', '/orders', both, { item: 7 })).status, 400);

  if (type === 'opaque') {
    await oidc.tokenRevocation(config, read);
    assert.equal((await api.call('GET', '/orders', read)).status, 401, 'a revoked token');
  }
  assert.equal(await api.stop(), 0);
}

const resource = `${API}/at-jwt`;
const settings = { issuer: ISSUER, resource, accessTokenType: 'at+jwt', reportEvery: 60 };
const later = await listen(createApi(settings, { now: () => new Date(Date.now() + 2 * 3600_000) }));
const expired = await later.call('GET', '/orders', await token(resource, 'orders:read'));
assert.equal(expired.status, 401);
assert.equal(challengeOf(expired).error_description, 'the token has expired');
await later.stop();

// Nobody can tell whether the token is good: that is no reason to call it bad.
for (const accessTokenType of ['at+jwt', 'opaque']) {
  const alone = await listen(createApi({ ...settings, accessTokenType, issuer: 'http://127.0.0.1:9', clientId: 'a', clientSecret: 'b' }));
  const answer = await alone.call('GET', '/orders', await token(resource, 'orders:read'));
  assert.equal(answer.status, 503);
  assert.ok(answer.headers.get('retry-after'));
  await alone.stop();
}
// A report whose answer was lost is sent again as it was, and only then what was counted since.
const reports = [];
const taker = createServer(async (request, response) => {
  reports.push(await json(request));
  if (reports.length > 1) return response.end('{}');
  usage.count({ ...seen, status: 403 });
  return request.socket.destroy();
});
taker.listen(0, '127.0.0.1');
await once(taker, 'listening');
const issuer = `http://127.0.0.1:${taker.address().port}`;
const usage = reporter({ ...settings, issuer, clientId: 'a', clientSecret: 'b' }, () => new Date());
const seen = { client: 'service', endpoint: 'GET /orders', status: 200, milliseconds: 1 };
usage.count(seen);
usage.count(seen);
await usage.stop();
taker.close();
assert.equal(reports.length, 3);
assert.deepEqual(reports[0], reports[1]);
assert.notEqual(reports[2].batch_id, reports[1].batch_id);
const counts = reports.map(({ entries }) => entries.map(({ outcome, count }) => `${outcome}: ${count}`));
assert.deepEqual(counts, [['2xx: 2'], ['2xx: 2'], ['4xx: 1']]);
console.log('api: tokens of each type were let in, refused and explained');

/** The same claims, signed by somebody else: under a `kid` of the server, and under one that it never had. */
async function forgeries(original) {
  const { privateKey } = await generateKeyPair('ES256');
  const header = decodeProtectedHeader(original);
  const sign = (kid) => new SignJWT(decodeJwt(original)).setProtectedHeader({ ...header, alg: 'ES256', kid }).sign(privateKey);
  const [head, body] = original.split('.');
  const unsigned = Buffer.from(JSON.stringify({ ...header, alg: 'none' })).toString('base64url');
  return [await sign(header.kid), await sign('a-key-of-nobody'), `${head}.${body}.`, `${unsigned}.${body}.`];
}

/** The parameters of `WWW-Authenticate: Bearer`. */
function challengeOf(response) {
  const text = response.headers.get('www-authenticate');
  assert.match(text, /^Bearer (\w+="[^"\\]*"(, |$))+$/);
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

function caller(url) {
  return (method, path, bearer, body) => fetch(url + path, {
    method,
    headers: {
      ...(bearer && { authorization: `Bearer ${bearer}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  });
}

async function listen({ server, stop }) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, call: caller(url), stop };
}
