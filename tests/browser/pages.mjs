// Every page of signing in and out, in both languages, at phone and desktop width, light and dark: sound, accessible, free of errors, and
// kept as a screenshot to be looked at.

import assert from 'node:assert/strict';
import { allow, arrive, assertAccessible, authorization, clientSite, field, fillLogin, fillSignUp, drive, watch } from './lib.mjs';
import { assertTranslated, contextOptions, examine, lookAt, name, variants } from './variants.mjs';

const { ISSUER, PASSWORD } = process.env;

const site = await clientSite();
let browser;
await drive(async (opened) => {
  browser = opened;
  const titles = {};
  for (const [index, variant] of variants.entries()) titles[name(variant)] = await tour(variant, index);
  assertTranslated(titles);
  await assertSwitch();
  console.log(`pages: ${variants.length} variants of ${Object.keys(titles[name(variants[0])]).length} pages`);
}, site);

// One person's way over every page. Returns the titles by page.
async function tour(variant, index) {
  const context = await browser.newContext(contextOptions(variant));
  const page = await context.newPage();
  const watched = watch(page, { ownSite: [ISSUER, site.origin] });
  const person = { username: `visitor${index}`, password: PASSWORD };
  const titles = {};
  const look = async (at, what) => { titles[what] = await examine(at, what, variant); };

  await page.goto(`${ISSUER}/`);
  await look(page, '01-start');
  await page.goto(`${ISSUER}/signup`);
  await look(page, '02-sign-up');
  await letTheServerJudge(page);
  await fillSignUp(page, { username: person.username, email: 'not-an-address', password: 'short', confirmation: 'other' });
  await refused(page, 'password_confirmation');
  await look(page, '03-sign-up-with-errors');
  await page.goto(`${ISSUER}/login`);
  await look(page, '04-login');
  await fillLogin(page, { username: `nobody${index}`, password: 'not the right one' });
  await refused(page, 'password');
  await look(page, '05-login-with-error');
  await page.goto(`${ISSUER}/authorize?client_id=nobody`);
  await look(page, '06-error');

  const flow = authorization(ISSUER, { clientId: 'app', redirectUri: site.redirectUri, scope: 'openid profile email offline_access' });
  await page.goto(flow.url);
  await fillLogin(page, person);
  await page.locator('button[name="decision"]').first().waitFor();
  assert.match(await page.locator('main').innerText(), /Harbour Timetable/, 'the consent page names the client');
  await look(page, '07-consent');
  await allow(page);
  await page.waitForSelector('#arrived');
  assert.ok(site.answerTo(flow.state)?.get('code'));

  await page.goto(`${ISSUER}/account`);
  await look(page, '08-account');
  await page.goto(`${ISSUER}/account/password`);
  await look(page, '09-password-change');
  titles['10-form-post'] = await formPost(context, variant);

  await page.goto(`${ISSUER}/demo`);
  await look(page, '11-demo-before');
  await page.locator('#start').click();
  await page.locator('button[name="decision"]').first().waitFor();
  await allow(page);
  await page.waitForSelector('#status[data-state="signed-in"]', { state: 'attached' });
  await look(page, '12-demo-after');

  await page.goto(`${ISSUER}/logout`);
  await look(page, '13-logout');
  await page.locator('main form button, main form input[type="submit"]').first().click();
  await page.waitForLoadState();
  await look(page, '14-logged-out');
  watched.assertClean();
  await context.close();
  return titles;
}

// The form_post page goes on by itself where scripts run; it is looked at where none do, and examined where its script
// does not load.
async function formPost(context, variant) {
  const request = () => authorization(ISSUER, { clientId: 'app', redirectUri: site.redirectUri, extra: { response_mode: 'form_post' } });
  const page = await context.newPage();
  const watched = watch(page);
  const flow = request();
  await page.goto(flow.url);
  await arrive(page);
  assert.equal(site.calls.at(-1).method, 'POST');
  assert.ok(site.answerTo(flow.state)?.get('code'));
  watched.assertClean();

  const form = 'form[action$="/callback"]';
  await page.route('**/*', (route) => (route.request().resourceType() === 'script' ? route.abort() : route.continue()));
  await page.goto(request().url);
  await arrive(page, form);
  await assertAccessible(page, `10-form-post (${name(variant)})`);
  await page.close();

  const options = contextOptions(variant);
  const scriptless = await browser.newContext({ ...options, javaScriptEnabled: false, storageState: await context.storageState() });
  const still = await scriptless.newPage();
  await still.goto(request().url);
  await arrive(still, form);
  const title = await lookAt(still, '10-form-post', variant);
  await scriptless.close();
  return title;
}

// The browser would hold back what the server is to refuse.
async function letTheServerJudge(page) {
  await page.evaluate(() => [...document.forms].forEach((form) => { form.noValidate = true; }));
}

// A form that was refused is shown again, and never with the password in it.
async function refused(page, last) {
  await page.waitForLoadState();
  await field(page, last).waitFor();
  for (const password of await page.locator('input[type="password"]').all()) {
    assert.equal(await password.inputValue(), '', `${page.url()} gives a password back`);
  }
}

// The language switch holds for the pages after it, whatever the browser prefers.
async function assertSwitch() {
  const context = await browser.newContext({ locale: 'en-US' });
  const page = await context.newPage();
  await page.goto(`${ISSUER}/locale?tag=ko&return=/`);
  assert.equal(new URL(page.url()).pathname, '/');
  assert.equal(await page.getAttribute('html', 'lang'), 'ko');
  await page.goto(`${ISSUER}/login`);
  assert.equal(await page.getAttribute('html', 'lang'), 'ko');
  await context.close();
}
