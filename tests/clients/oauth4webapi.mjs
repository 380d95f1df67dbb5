// A service and its API with oauth4webapi, which checks every answer strictly: client_credentials with the secret in the
// header and in the body, the token's validation (RFC 9068), introspection (RFC 7662), revocation (RFC 7009).

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

const oauth = await import('oauth4webapi');

const { env } = process;
const loopback = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(env.ISSUER);
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...loopback }));
for (const name of ['introspection', 'revocation']) {
  assert.ok(as[`${name}_endpoint_auth_methods_supported`].includes('client_secret_post'), name);
}

const api = { client_id: env.API_CLIENT_ID };
const apiAuth = oauth.ClientSecretBasic(env.API_CLIENT_SECRET);
const services = [
  [{ client_id: env.CLIENT_ID }, oauth.ClientSecretBasic(env.CLIENT_SECRET), oauth.ClientSecretPost(env.CLIENT_SECRET)],
  [{ client_id: env.POST_CLIENT_ID }, oauth.ClientSecretPost(env.POST_CLIENT_SECRET), oauth.ClientSecretBasic(env.POST_CLIENT_SECRET)],
];

for (const [client, auth, otherAuth] of services) {
  const signed = await mint(client, auth, `${env.API}/at-jwt`);
  const claims = await validate(signed, `${env.API}/at-jwt`);
  assert.equal(claims.client_id, client.client_id);
  assert.equal(claims.scope, 'orders:read');
  await assert.rejects(validate(signed, `${env.OTHER}/at-jwt`), { code: oauth.JWT_CLAIM_COMPARISON });
  const plain = await mint(client, auth, `${env.API}/jwt`);
  await assert.rejects(validate(plain, `${env.API}/jwt`), /typ/);
  // OAuth 2.0 has one method a client: the registered one.
  await assert.rejects(mint(client, otherAuth, `${env.API}/at-jwt`), { status: 401, code: oauth.WWW_AUTHENTICATE_CHALLENGE });

  for (const [token, path] of [[signed, 'at-jwt'], [plain, 'jwt'], [await mint(client, auth, `${env.API}/opaque`), 'opaque']]) {
    const known = await introspect(api, apiAuth, token);
    assert.equal(known.active, true);
    assert.deepEqual([known.aud].flat(), [`${env.API}/${path}`]);
    assert.equal(known.client_id, client.client_id);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, loopback));
    assert.deepEqual(await introspect(api, apiAuth, token), { active: false });
  }
  // Nobody's business: a token for an API that this one does not serve.
  const elsewhere = await mint(client, auth, `${env.OTHER}/opaque`);
  assert.deepEqual(await introspect(api, apiAuth, elsewhere), { active: false });
  assert.deepEqual(await introspect(api, apiAuth, 'rubbish'), { active: false });
  assert.equal((await introspect(client, auth, elsewhere)).active, true, 'its own token');
}
console.log('oauth4webapi: tokens by client_credentials, validated, introspected, revoked');

async function mint(client, auth, resource) {
  const response = await oauth.clientCredentialsGrantRequest(as, client, auth, { resource, scope: 'orders:read' }, loopback);
  const answer = await oauth.processClientCredentialsResponse(as, client, response);
  assert.equal(answer.refresh_token, undefined, 'RFC 6749 §4.4.3');
  return answer.access_token;
}

function validate(token, resource) {
  const request = new Request(resource, { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(as, request, resource, loopback);
}

async function introspect(client, auth, token) {
  const response = await oauth.introspectionRequest(as, client, auth, token, loopback);
  return oauth.processIntrospectionResponse(as, client, response);
}
