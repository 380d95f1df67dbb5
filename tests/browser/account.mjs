// Signed-in people look after their account: a session is ended from another browser, an app is cut off, the profile is
// changed, all with the keyboard where there is one, and without JavaScript.

import assert from 'node:assert/strict';
import { authorization, clientSite, field, fillLogin, finish, drive, redeem, watch } from './lib.mjs';

const { ISSUER, PASSWORD } = process.env;
const person = { username: 'visitor0', password: PASSWORD };
const client = { clientId: 'app' };

const site = await clientSite();
await drive(async (browser) => {
  const kept = await signedIn(browser, { javaScriptEnabled: false });
  const lost = await signedIn(browser);
  const there = await token(lost.page);
  await endTheLostOne(kept.page);
  await lost.page.goto(`${ISSUER}/account/sessions`);
  assert.match(lost.page.url(), /\/login\?return=/, 'the ended session still shows its pages');
  assert.equal((await refresh(there)).status, 400, 'an app of the ended session still refreshes');

  // The same person signs in again there and arrives at the page that was asked for.
  await fillLogin(lost.page, person);
  await lost.page.waitForURL(`${ISSUER}/account/sessions`);

  const here = await token(kept.page);
  await cutOff(kept.page);
  assert.equal((await refresh(here)).status, 400, 'an app without access still refreshes');
  assert.equal((await userinfo(here)).status, 401, 'an app without access still reads');

  await changeProfile(kept.page);
  for (const { page, watched } of [kept, lost]) {
    watched.assertClean();
    await page.close();
  }
  console.log('account: one session ended, one app cut off, one profile changed');
}, site);

async function signedIn(browser, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const watched = watch(page, { ownSite: [ISSUER, site.origin] });
  await page.goto(`${ISSUER}/login`);
  await fillLogin(page, person);
  await page.waitForURL(`${ISSUER}/account`);
  return { page, watched };
}

// Tokens for the app, through this browser.
async function token(page) {
  const flow = authorization(ISSUER, { ...client, redirectUri: site.redirectUri, scope: 'openid profile offline_access' });
  await page.goto(flow.url);
  await finish(page, person, site.redirectUri);
  const code = site.answerTo(flow.state).get('code');
  return redeem(ISSUER, { ...client, redirectUri: site.redirectUri, verifier: flow.verifier }, code);
}

async function endTheLostOne(page) {
  await page.goto(`${ISSUER}/account/sessions`);
  assert.equal(await page.locator('.entries > li').count(), 2);
  await page.locator('.entries a[href*="session="]').press('Enter');
  await page.locator('main form').waitFor();
  assert.match(await page.locator('main').innerText(), /Harbour Timetable/, 'the apps that end with it are named');
  await page.locator('main form button').press('Enter');
  await page.waitForURL(/done=one/);
  assert.equal(await page.locator('.entries > li').count(), 1);
}

async function cutOff(page) {
  await page.goto(`${ISSUER}/account/apps`);
  await page.locator('.entries a[href*="client=app"]').press('Enter');
  await page.locator('main form button').press('Enter');
  await page.waitForURL(/done=revoked/);
  assert.equal(await page.locator('.entries > li').count(), 0);
}

async function changeProfile(page) {
  await page.goto(`${ISSUER}/account/profile`);
  await field(page, 'name').fill('방문자 영');
  await page.locator('select[name="locale"]').selectOption('ko-KR');
  await field(page, 'name').press('Enter');
  await page.waitForURL(/done=profile/);
  assert.match(await page.locator('main').innerText(), /방문자 영/);
}

function refresh({ refresh_token: refreshToken }) {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: client.clientId });
  return fetch(`${ISSUER}/token`, { method: 'POST', body });
}

function userinfo({ access_token: accessToken }) {
  return fetch(`${ISSUER}/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } });
}
