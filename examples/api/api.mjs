// The API: its routes, the scope that each of them needs, and one way from a request to an answer.

import { createServer } from 'node:http';
import { Challenge, challengeAnswer, protectedResource, tokenOf } from './bearer.mjs';
import { InvalidToken, Undecided, validator } from './tokens.mjs';
import { reporter } from './usage.mjs';

const ROUTES = [
  { method: 'GET', path: '/orders', scope: 'orders:read', run: (orders) => [200, orders.all()] },
  { method: 'GET', path: '/orders/{id}', scope: 'orders:read', run: (orders, { id }) => [200, orders.one(id)] },
  { method: 'POST', path: '/orders', scope: 'orders:write', run: async (orders, _, body) => [201, orders.add(await body())] },
];
const LARGEST_BODY_BYTES = 16 * 1024;
const MOST_CONNECTIONS = 1000;
const SLOWEST_REQUEST_MS = 10_000;
// How long requests that have begun may take when the server stops.
const DRAIN_MS = 5_000;

/** A caller who may pass, and a request that makes no sense. */
class Refusal extends Error {
  constructor(status, code, description) {
    super(description);
    Object.assign(this, { status, code });
  }
}

/** The API as a server that does not listen yet, and `stop()`. Tests give a clock, `now()`. */
export function createApi(settings, { now = () => new Date() } = {}) {
  const validate = validator(settings, now);
  const usage = reporter(settings, now);
  const metadata = protectedResource(settings, [...new Set(ROUTES.map((route) => route.scope))]);
  const orders = new Orders();

  // Unknown paths are nobody's call: they are neither authenticated nor counted.
  async function serve(request, response) {
    const [path] = request.url.split('?', 1);
    if (path === metadata.path) return send(response, request.method === 'GET' ? 200 : 405, metadata.document);
    const candidates = ROUTES.map((route) => ({ route, parameters: match(route.path, path) })).filter((one) => one.parameters);
    if (candidates.length === 0) return send(response, 404, { error: 'not_found' });
    const found = candidates.find(({ route }) => route.method === request.method);
    const allowed = candidates.map(({ route }) => route.method).join(', ');
    if (!found) return send(response, 405, { error: 'method_not_allowed' }, { Allow: allowed });

    const started = performance.now();
    const call = { endpoint: `${found.route.method} ${found.route.path}`, client: undefined };
    const answer = await run(found, request, call).catch((error) => refused(error, found.route.scope));
    send(response, ...answer);
    usage.count({ ...call, status: answer[0], milliseconds: performance.now() - started });
  }

  async function run({ route, parameters }, request, call) {
    const caller = await validate(tokenOf(request));
    call.client = caller.client;
    if (!caller.scopes.includes(route.scope)) throw new Challenge(403, 'insufficient_scope', `this needs the scope ${route.scope}`);
    return route.run(orders.of(caller.subject), parameters, () => jsonBody(request));
  }

  function refused(error, scope) {
    if (error instanceof InvalidToken) return refused(new Challenge(401, 'invalid_token', error.message), scope);
    if (error instanceof Challenge) return challengeAnswer(error, scope, metadata.url);
    if (error instanceof Refusal) return [error.status, { error: error.code, error_description: error.message }];
    console.error(error);
    // Not 401: a client that read that would throw its good token away.
    if (error instanceof Undecided) return [503, { error: 'temporarily_unavailable' }, { 'Retry-After': '5' }];
    return [500, { error: 'server_error' }];
  }

  const server = createServer({ requestTimeout: SLOWEST_REQUEST_MS, headersTimeout: SLOWEST_REQUEST_MS }, (request, response) => {
    serve(request, response).catch((error) => response.destroy(error));
  });
  server.maxConnections = MOST_CONNECTIONS;

  async function stop() {
    const drained = new Promise((resolve) => { server.close(resolve); });
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
    await drained;
    await usage.stop();
  }
  return { server, stop };
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });
  response.end(JSON.stringify(body));
}

/** The parameters of a path that has the template's form; undefined when it has not. */
function match(template, path) {
  const [wanted, given] = [template.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const parameters = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith('{')) parameters[part.slice(1, -1)] = given[index];
    else if (part !== given[index]) return undefined;
  }
  return parameters;
}

async function jsonBody(request) {
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '');
  if (!isJson) throw new Refusal(415, 'invalid_request', 'the body is application/json');
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LARGEST_BODY_BYTES) throw new Refusal(413, 'invalid_request', `the body is longer than ${LARGEST_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Refusal(400, 'invalid_request', 'the body is not JSON');
  }
}

/** The orders of each subject, in memory: the business that an API of your own has in place of this. */
class Orders {
  static MOST_OWNERS = 1000;
  static MOST_ORDERS = 100;
  #owners = new Map();

  of(subject) {
    const owners = this.#owners;
    if (!owners.has(subject)) {
      if (owners.size >= Orders.MOST_OWNERS) owners.delete(owners.keys().next().value);
      owners.set(subject, []);
    }
    const mine = owners.get(subject);
    return {
      all: () => mine,
      one(id) {
        const order = mine.find((order) => order.id === id);
        if (!order) throw new Refusal(404, 'not_found', 'there is no such order');
        return order;
      },
      add(body) {
        const isItem = typeof body?.item === 'string' && body.item.length <= 200;
        if (!isItem) throw new Refusal(400, 'invalid_request', 'item is a text of at most 200 characters');
        if (mine.length >= Orders.MOST_ORDERS) mine.shift();
        const order = { id: String(Number(mine.at(-1)?.id ?? 0) + 1), item: body.item };
        mine.push(order);
        return order;
      },
    };
  }
}
