// A newcomer on a server without configuration: the start page, sign-up, the demo's sign-in with consent, a refresh.

import assert from 'node:assert/strict';
import { allow, arrive, fillSignUp, drive, watch } from './lib.mjs';

const { ISSUER, PASSWORD } = process.env;

await drive(async (browser) => {
  const context = await browser.newContext({ locale: 'en-US' });
  const page = await context.newPage();
  const watched = watch(page, { ownSite: [ISSUER] });

  await page.goto(`${ISSUER}/`);
  await page.locator('main a[href*="/signup"]').first().click();
  await fillSignUp(page, { username: 'newcomer', email: 'newcomer@example.com', password: PASSWORD });
  await page.waitForURL((url) => url.pathname !== '/signup');
  await page.goto(`${ISSUER}/account`);
  assert.match(await page.locator('body').innerText(), /newcomer/);

  await page.goto(`${ISSUER}/`);
  await page.locator('main a[href*="/demo"]').first().click();
  await page.locator('#start').click();
  await allow(page);
  await page.waitForSelector('#status[data-state="signed-in"]', { state: 'attached' });
  assert.equal(new URL(page.url()).pathname.replace(/\/$/, ''), '/demo');
  assert.equal(new URL(page.url()).searchParams.get('code'), null, 'the code stays in the address bar');
  const timeline = await page.locator('#timeline').textContent();
  assert.match(timeline, /code_challenge/, 'the timeline shows the challenge');
  const first = await page.locator('#access-token').textContent();
  assert.match(first, /at\+jwt/, 'the decoded access token shows its type');

  await page.locator('#refresh').click();
  await page.waitForFunction((before) => document.querySelector('#access-token').textContent !== before, first);
  await page.waitForSelector('#status[data-state="signed-in"]', { state: 'attached' });

  // The same browser again: nobody is asked for a password while the session lives.
  await page.goto(`${ISSUER}/demo`);
  await page.locator('#start').click();
  await arrive(page, '#status[data-state="signed-in"]');
  watched.assertClean();
  console.log('first five minutes: signed up, signed in, refreshed');
});
