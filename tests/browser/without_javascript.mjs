// No script runs in this browser: sign-up inside a flow, consent, the answer as query and as form_post, logout.

import assert from 'node:assert/strict';
import { allow, authorization, clientSite, field, fillLogin, fillSignUp, drive, redeem, watch } from './lib.mjs';

const { ISSUER, PASSWORD } = process.env;
const person = { username: 'scriptless', email: 'scriptless@example.com', password: PASSWORD };

const site = await clientSite();
const client = { clientId: 'app', redirectUri: site.redirectUri };
await drive(async (browser) => {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: 'en-US' });
  const page = await context.newPage();
  const watched = watch(page, { ownSite: [ISSUER, site.origin] });

  const first = authorization(ISSUER, client);
  await page.goto(first.url);
  await page.locator('main a[href*="/signup"]').first().click();
  await fillSignUp(page, person);
  await allow(page);
  await page.waitForSelector('#arrived');
  await redeemed(first);

  const posted = authorization(ISSUER, { ...client, extra: { response_mode: 'form_post', prompt: 'consent' } });
  await page.goto(posted.url);
  await allow(page);
  await page.locator('main form button, main form input[type="submit"]').first().click();
  await page.waitForSelector('#arrived');
  assert.equal(site.calls.at(-1).method, 'POST');
  await redeemed(posted);

  await page.goto(`${ISSUER}/logout`);
  await page.locator('main form button, main form input[type="submit"]').first().click();
  await page.waitForLoadState();
  await page.goto(`${ISSUER}/account`);
  await field(page, 'password').waitFor();
  await fillLogin(page, person);
  await page.waitForURL((url) => url.pathname === '/account');

  watched.assertClean();
  console.log('without JavaScript: signed up, consented, came back by query and by form, signed out and in');
}, site);

async function redeemed({ state, verifier }) {
  const answer = site.answerTo(state);
  assert.equal(answer?.get('iss'), ISSUER, String(answer));
  const tokens = await redeem(ISSUER, { ...client, verifier }, answer.get('code'));
  assert.equal(tokens.token_type.toLowerCase(), 'bearer');
}
