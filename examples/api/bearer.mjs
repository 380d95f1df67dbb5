// What passes between a caller and a protected resource: the bearer token (RFC 6750 §2.1), the challenge (RFC 6750 §3)
// and the resource's own metadata (RFC 9728).

/** Why a caller may not pass: a status, an error code of RFC 6750 §3.1 and words for the caller's developer. */
export class Challenge extends Error {
  constructor(status, code, description) {
    super(description);
    Object.assign(this, { status, code });
  }
}

/** The token of the Authorization header. Tokens in a body or a URL (RFC 6750 §2.2, §2.3) are not looked for. */
export function tokenOf(request) {
  const headers = request.headersDistinct.authorization ?? [];
  if (headers.length > 1) throw new Challenge(400, 'invalid_request', 'there is more than one Authorization header');
  const [scheme, token, ...more] = (headers[0] ?? '').trim().split(/ +/);
  // RFC 6750 §3.1: to a request without authentication the challenge names no error.
  if (scheme.toLowerCase() !== 'bearer') throw new Challenge(401, undefined, 'a bearer token is needed');
  if (more.length > 0 || !/^[\w.~+/-]+=*$/.test(token ?? '')) throw new Challenge(400, 'invalid_request', 'this is not a bearer token');
  return token;
}

/** The answer to a caller who may not pass: status, body, headers. */
export function challengeAnswer({ status, code, message }, scope, metadataUrl) {
  const error = code ? { error: code, error_description: message } : {};
  const parameters = { realm: 'orders', ...error, scope, resource_metadata: metadataUrl };
  const text = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`).join(', ');
  return [status, { error: code ?? 'unauthorized', error_description: message }, { 'WWW-Authenticate': `Bearer ${text}` }];
}

/** RFC 9728 §2, §3: where the resource's metadata are, and what they say. */
export function protectedResource({ issuer, resource }, scopes) {
  const { origin, pathname } = new URL(resource);
  const path = `/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`;
  const document = {
    resource,
    authorization_servers: [issuer],
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
    resource_name: 'Orders',
  };
  return { path, url: origin + path, document };
}
