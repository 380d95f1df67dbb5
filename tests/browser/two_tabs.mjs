// Two tabs of one browser begin a flow each before anybody is signed in; both finish, each with its own state and code.

import assert from 'node:assert/strict';
import { authorization, clientSite, field, fillLogin, finish, drive, redeem, watch } from './lib.mjs';

const { ISSUER, PASSWORD } = process.env;
const person = { username: 'visitor0', password: PASSWORD };

const site = await clientSite();
const client = { clientId: 'app', redirectUri: site.redirectUri };
await drive(async (browser) => {
  const context = await browser.newContext({ locale: 'en-US' });
  const tabs = [await tab(context), await tab(context)];
  for (const { page, flow } of tabs) {
    await page.goto(flow.url);
    await field(page, 'password').waitFor();
  }
  // Both are at the sign-in form now. The first one signs in, then the second one, then the second one ends first.
  const [first, second] = tabs;
  await fillLogin(first.page, person);
  await first.page.locator('button[name="decision"]').first().waitFor();
  await finish(second.page, person, site.origin);
  await finish(first.page, person, site.origin);

  for (const { flow, watched } of tabs) {
    const answer = site.answerTo(flow.state);
    assert.equal(answer?.get('iss'), ISSUER, `the tab's answer: ${answer}`);
    const tokens = await redeem(ISSUER, { ...client, verifier: flow.verifier }, answer.get('code'));
    assert.ok(tokens.access_token);
    watched.assertClean();
  }
  console.log('two tabs: both flows finished');
}, site);

async function tab(context) {
  const page = await context.newPage();
  return { page, watched: watch(page), flow: authorization(ISSUER, client) };
}
