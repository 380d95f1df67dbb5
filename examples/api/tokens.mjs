// Who calls: a JWT is validated here with the authorization server's public keys (RFC 9068 §4), an opaque token by
// asking its introspection endpoint (RFC 7662).

import { webcrypto } from 'node:crypto';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

/** This API's choice, never the token's. A key of JWKS also says which one it is for. */
const ALGORITHMS = ['ES256', 'RS256', 'EdDSA'];
const PATIENCE_MS = 5_000;

/** The token is not good here. The message is for the developer of the client. */
export class InvalidToken extends Error {}

/** Nobody could tell whether the token is good: the keys or the introspection endpoint were out of reach. */
export class Undecided extends Error {}

/** `validate(token)` gives `{ subject, client, scopes }`, or throws one of these two. */
export function validator(settings, now) {
  const validate = settings.accessTokenType === 'opaque' ? introspecting(settings) : offline(settings, now);
  return async (token) => {
    try {
      return await validate(token);
    } catch (error) {
      throw error instanceof InvalidToken ? error : new Undecided('the token could not be checked', { cause: error });
    }
  };
}

function offline({ issuer, resource, accessTokenType }, now) {
  const keys = once(async () => createRemoteJWKSet(new URL((await metadata(issuer)).jwks_uri)));
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, await keys(), {
        issuer,
        audience: resource,
        typ: accessTokenType,
        algorithms: ALGORITHMS,
        requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
        currentDate: now(),
      });
      return caller(payload);
    } catch (error) {
      throw isAboutTheToken(error) ? new InvalidToken(words(error)) : error;
    }
  };
}

// The rest of jose's errors, and fetch's, are about the way to the keys.
const ABOUT_THE_TOKEN = [
  errors.JWSInvalid, errors.JWTInvalid, errors.JWTExpired, errors.JWTClaimValidationFailed, errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported, errors.JWSSignatureVerificationFailed, errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys,
];
const isAboutTheToken = (error) => ABOUT_THE_TOKEN.some((kind) => error instanceof kind);

function words(error) {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `${error.claim} is not what this API accepts`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'the token is signed with an unknown key';
  return 'the token is malformed or its signature is wrong';
}

// Every call asks, so a revoked token ends at once. RFC 7662 §4 allows to keep an answer for a short time instead.
function introspecting({ issuer, resource, clientId, clientSecret }) {
  const endpoint = once(async () => (await metadata(issuer)).introspection_endpoint);
  return async (token) => {
    const response = await fetch(await endpoint(), {
      method: 'POST',
      headers: { Authorization: basic(clientId, clientSecret), Accept: 'application/json' },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer = await response.json();
    if (response.status !== 200) throw new Error(`introspection answered ${response.status} ${answer.error}: ${answer.error_description}`);
    if (answer.active !== true) throw new InvalidToken('the token is not active');
    if (![answer.aud].flat().includes(resource)) throw new InvalidToken('aud is not what this API accepts');
    return caller(answer);
  };
}

/** Of the claims of RFC 9068 §2.2, which RFC 7662 §2.2 names alike, what an API decides by. */
function caller({ sub, client_id: client, scope }) {
  return { subject: sub, client, scopes: typeof scope === 'string' ? scope.split(' ') : [] };
}

/** RFC 8414 §3: the well-known part goes between the issuer's host and its path. */
async function metadata(issuer) {
  const { origin, pathname } = new URL(issuer);
  const url = `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`;
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  const document = await response.json();
  if (document.issuer !== issuer) throw new Error(`${url} is about the issuer ${document.issuer}`);
  return document;
}

/** Remembers what `make` gave; after a failure the next call tries again. */
function once(make) {
  let made;
  return () => made ??= make().catch((error) => {
    made = undefined;
    throw error;
  });
}

/** RFC 6749 §2.3.1: both parts are form-encoded first. */
export function basic(clientId, clientSecret) {
  const encoded = [clientId, clientSecret].map((part) => new URLSearchParams({ _: part }).toString().slice(2));
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
}
