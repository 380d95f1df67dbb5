// Mixed load by several clients at once, for LOAD_SECONDS: code flows with PKCE, refresh, user info, client_credentials,
// introspection, revocation, and calls to two processes of examples/api, one that validates and one that introspects.
// Every answer must be the one that was to come. Prints, as JSON, what was sent: each combination of source, client,
// endpoint, grant, resource and outcome with its number of requests.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { start } from '../clients/example_api.mjs';
import { Browser, signIn } from '../clients/person.mjs';

const { ISSUER, API, USERNAME, PASSWORD, SECRET } = process.env;
const SECONDS = Number(process.env.LOAD_SECONDS);
/** How many of each kind of worker there are; each has one request at a time under way. */
const WORKERS = { service: 3, opaqueService: 2, nativeApp: 2, webApp: 1 };
/** A load has an end, also when its clock stands still. */
const MOST_ROUNDS = 200_000;
const PATIENCE_MS = 30_000;

const SIGNED = `${API}/at-jwt`;
const OPAQUE = `${API}/opaque`;
const sent = new Map();
let rounds = 0;

const signedApi = await start({ RESOURCE: SIGNED, ACCESS_TOKEN_TYPE: 'at+jwt', REPORT_EVERY: '1' });
const opaqueApi = await start({ RESOURCE: OPAQUE, ACCESS_TOKEN_TYPE: 'opaque', REPORT_EVERY: '1' });

const deadline = performance.now() + SECONDS * 1000;
const kinds = { service, opaqueService, nativeApp, webApp };
await Promise.all(Object.entries(WORKERS).flatMap(([kind, count]) => Array.from({ length: count }, () => work(kinds[kind]))));
assert.equal(await signedApi.stop(), 0);
assert.equal(await opaqueApi.stop(), 0);
console.log(JSON.stringify([...sent.values()]));

/** Rounds until the time is over, and at least one; a worker prepares itself once. */
async function work(kind) {
  const round = await kind();
  do {
    rounds += 1;
    await round();
  } while (performance.now() < deadline && rounds < MOST_ROUNDS);
}

/** A job that calls the API that validates by itself. */
async function service() {
  const client = { id: 'service-basic' };
  return async () => {
    const read = await clientCredentials(client, SIGNED, 'orders:read');
    const both = await clientCredentials(client, SIGNED, 'orders:read orders:write');
    await clientCredentials(client, SIGNED, 'orders:burn', { error: 'invalid_scope' });
    const caller = { ...client, api: signedApi, resource: SIGNED };
    await call(caller, 'POST', '/orders', '/orders', both, 201);
    for (let count = 0; count < 5; count += 1) await call(caller, 'GET', '/orders', '/orders', read, 200);
    await call(caller, 'GET', '/orders/0', '/orders/{id}', read, 404);
    await call(caller, 'POST', '/orders', '/orders', read, 403);
    await call({ ...caller, id: 'unknown' }, 'GET', '/orders', '/orders', read.slice(0, -9), 401);
  };
}

/** A job that calls the API that asks; that API also asks by itself. */
async function opaqueService() {
  const client = { id: 'service-post', inBody: true };
  return async () => {
    const token = await clientCredentials(client, OPAQUE, 'orders:read');
    const caller = { ...client, api: opaqueApi, resource: OPAQUE, isIntrospected: true };
    for (let count = 0; count < 3; count += 1) await call(caller, 'GET', '/orders', '/orders', token, 200);
    await call(caller, 'POST', '/orders', '/orders', token, 403);
    assert.equal((await introspect(token)).active, true);
    await revoke(client, token);
    assert.deepEqual(await introspect(token), { active: false });
    await call({ ...caller, id: 'unknown' }, 'GET', '/orders', '/orders', token, 401);
  };
}

/** A public client of a person who stays signed in. */
function nativeApp() {
  return person({ id: 'native', isPublic: true }, 'http://127.0.0.1:1/callback', async (client, tokens) => {
    const caller = { ...client, api: signedApi, resource: SIGNED };
    await call(caller, 'GET', '/orders', '/orders', tokens.access_token, 200);
    const renewed = await refresh(client, tokens.refresh_token);
    await call(caller, 'GET', '/orders', '/orders', renewed.access_token, 200);
    const again = await refresh(client, renewed.refresh_token);
    // Two generations old: somebody else has it, and the grant ends.
    await refresh(client, tokens.refresh_token, { error: 'invalid_grant' });
    await refresh(client, again.refresh_token, { error: 'invalid_grant' });
  });
}

/** A confidential client of a person who stays signed in. */
function webApp() {
  return person({ id: 'web' }, 'https://app.example.com/callback', async (client, tokens) => {
    await userinfo(client, tokens.access_token);
    await revoke(client, tokens.refresh_token);
  });
}

async function person(client, redirectUri, use) {
  const browser = new Browser((method, url) => note('server', '*', `${method} ${new URL(url).pathname}`, '', '', '*'));
  return async () => {
    const verifier = randomBytes(32).toString('base64url');
    const request = new URL(`${ISSUER}/authorize`);
    request.search = new URLSearchParams({
      client_id: client.id,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid offline_access orders:read',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const person = { username: USERNAME, password: PASSWORD, home: redirectUri, deliver: false, browser };
    const code = new URL(await signIn(request.href, person)).searchParams.get('code');
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
    await use(client, await token(client, form, { resource: client.isPublic ? SIGNED : ISSUER }));
  };
}

function clientCredentials(client, resource, scope, expected = { resource }) {
  const form = { grant_type: 'client_credentials', resource, scope };
  return token(client, form, expected).then((answer) => answer.access_token);
}

function refresh(client, refreshToken, expected = { resource: SIGNED }) {
  return token(client, { grant_type: 'refresh_token', refresh_token: refreshToken }, expected);
}

async function token(client, form, { resource = '', error }) {
  const answer = await post(client, '/token', form, error ? 400 : 200);
  assert.equal(answer.error, error);
  note('server', client.id, 'POST /token', form.grant_type, resource, error ?? 'ok');
  return answer;
}

async function introspect(text) {
  const answer = await post({ id: 'orders-api' }, '/introspect', { token: text }, 200);
  note('server', 'orders-api', 'POST /introspect', '', '', 'ok');
  return answer;
}

async function revoke(client, text) {
  await post(client, '/revoke', { token: text }, 200);
  note('server', client.id, 'POST /revoke', '', '', 'ok');
}

async function userinfo(client, text) {
  const answer = await ask(`${ISSUER}/userinfo`, { headers: { authorization: `Bearer ${text}` } }, 200);
  assert.ok(answer.sub);
  note('server', client.id, 'GET /userinfo', '', '', 'ok');
}

/** A call to an API: counted there, and where that API introspects, by the server too. */
async function call({ id, api, resource, isIntrospected }, method, path, template, bearer, status) {
  const body = method === 'POST' ? JSON.stringify({ item: 'rice' }) : undefined;
  const headers = { authorization: `Bearer ${bearer}`, ...(body && { 'content-type': 'application/json' }) };
  await ask(api.url + path, { method, headers, body }, status);
  note('resource', id, `${method} ${template}`, '', resource, `${Math.floor(status / 100)}xx`);
  if (isIntrospected) note('server', 'orders-api', 'POST /introspect', '', '', 'ok');
}

function post({ id, isPublic, inBody }, path, form, status) {
  const headers = {};
  const fields = { ...form };
  if (isPublic || inBody) fields.client_id = id;
  if (inBody) fields.client_secret = SECRET;
  else if (!isPublic) headers.authorization = `Basic ${Buffer.from(`${id}:${SECRET}`).toString('base64')}`;
  return ask(ISSUER + path, { method: 'POST', headers, body: new URLSearchParams(fields) }, status);
}

async function ask(url, request, status) {
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(PATIENCE_MS) });
  const text = await response.text();
  assert.equal(response.status, status, `${request.method ?? 'GET'} ${url}: ${text}`);
  return text ? JSON.parse(text) : undefined;
}

function note(source, client, endpoint, grant, resource, outcome) {
  const key = JSON.stringify([source, client, endpoint, grant, resource, outcome]);
  const line = sent.get(key);
  if (line) line.requests += 1;
  else sent.set(key, { source, client, endpoint, grant, resource, outcome, requests: 1 });
}
