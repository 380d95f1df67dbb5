// The program: reads its settings from the environment, serves, and stops orderly. `api.mjs` has the routes,
// `bearer.mjs` what a caller is told, `tokens.mjs` who may pass, `usage.mjs` what is reported.

import { createApi } from './api.mjs';

const { env } = process;
const settings = {
  issuer: env.ISSUER ?? 'http://127.0.0.1:8080',
  // This API's identifier, as authward knows it: `aud` of the tokens that are meant for it.
  resource: env.RESOURCE ?? 'http://127.0.0.1:8090/orders',
  // As in the document of `authward apply`: at+jwt, JWT or opaque.
  accessTokenType: env.ACCESS_TOKEN_TYPE ?? 'at+jwt',
  // The API as a client of authward: it introspects and reports with these. Without them it does neither.
  clientId: env.CLIENT_ID,
  clientSecret: env.CLIENT_SECRET,
  // Seconds from one usage report to the next.
  reportEvery: Number(env.REPORT_EVERY ?? 60),
};
if (!['at+jwt', 'JWT', 'opaque'].includes(settings.accessTokenType)) fail('ACCESS_TOKEN_TYPE may be at+jwt, JWT or opaque');
const mustAsk = settings.accessTokenType === 'opaque';
if (mustAsk && !settings.clientSecret) fail('opaque tokens are introspected: set CLIENT_ID and CLIENT_SECRET');
if (!(settings.reportEvery >= 1 && settings.reportEvery <= 3600)) fail('REPORT_EVERY is between 1 and 3600 seconds');

const api = createApi(settings);
const port = Number(env.PORT ?? (new URL(settings.resource).port || 8090));
api.server.listen(port, env.HOST ?? '127.0.0.1', () => {
  console.log(`${settings.resource} listens on port ${api.server.address().port}`);
});

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    if (stopping) return;
    stopping = true;
    await api.stop();
    process.exit(0);
  });
}

function fail(problem) {
  console.error(problem);
  process.exit(2);
}
