// A form on another site posts the authorization request, so that a SameSite cookie does not come with it. The person
// signs in and comes back; the second time the session is found and no password is asked for.

import assert from 'node:assert/strict';
import { arrive, authorization, clientSite, field, finish, drive, redeem, watch } from './lib.mjs';

const { ISSUER, PASSWORD } = process.env;
const person = { username: 'visitor0', password: PASSWORD };

const site = await clientSite();
const client = { clientId: 'app', redirectUri: site.redirectUri };
const flows = [authorization(ISSUER, client), authorization(ISSUER, client)];
// `localhost` is another site than `127.0.0.1`, where the server is.
const other = await clientSite({
  host: 'localhost',
  pages: Object.fromEntries(flows.map((flow, index) => [`/${index}`, form(flow)])),
});
await drive(async (browser) => {
  const context = await browser.newContext({ locale: 'en-US' });
  const page = await context.newPage();
  const watched = watch(page);

  await page.goto(`${other.origin}/0`);
  await page.locator('#post').click();
  await field(page, 'password').waitFor();
  await finish(page, person, site.origin);
  await redeemed(flows[0]);

  await page.goto(`${other.origin}/1`);
  await page.locator('#post').click();
  await arrive(page);
  await redeemed(flows[1]);
  watched.assertClean();
  console.log('cross-site post: signed in, and found again');
}, site, other);

function form({ parameters }) {
  const inputs = [...parameters].map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`);
  return `<form method="post" action="${ISSUER}/authorize">${inputs.join('')}<button id="post">Go</button></form>`;
}

async function redeemed({ state, verifier }) {
  const answer = site.answerTo(state);
  assert.ok(answer?.get('code'), `the answer: ${answer}`);
  assert.ok((await redeem(ISSUER, { ...client, verifier }, answer.get('code'))).access_token);
}
