// The single-page app of ./spa in a real browser: sign-in, validation, user info, two silent renewals, a second tab that
// shares the user and renews by itself, and signing out of the app and the server.

import assert from 'node:assert/strict';
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allow, fillLogin, drive, watch } from '../browser/lib.mjs';

const { ISSUER, CLIENT_ID, USERNAME, PASSWORD, SPA_PORT } = process.env;
const here = fileURLToPath(new URL('.', import.meta.url));
const roots = { '/packages/': join(here, '..', 'node_modules'), '/': join(here, 'spa') };
const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' };

const site = await serve();
await drive(async (browser) => {
  const context = await browser.newContext({ locale: 'en-US' });
  const tab = await context.newPage();
  const watched = watch(tab);
  await tab.goto(`http://127.0.0.1:${SPA_PORT}/`);
  await state(tab, 'signed-out');
  await tab.click('#sign-in');
  await fillLogin(tab, { username: USERNAME, password: PASSWORD });
  await allow(tab);
  await tab.waitForURL(`http://127.0.0.1:${SPA_PORT}/`);
  await state(tab, 'signed-in');
  const subject = await tab.textContent('#state');

  await press(tab, '#validate', ({ payload }) => {
    assert.equal(payload.sub, subject);
    assert.equal(payload.client_id, CLIENT_ID);
  });
  await press(tab, '#user-info', (person) => {
    assert.equal(person.status, 200);
    assert.equal(person.sub, subject);
  });
  await renew(tab);
  await renew(tab);

  const second = await context.newPage();
  const watchedSecond = watch(second);
  await second.goto(`http://127.0.0.1:${SPA_PORT}/`);
  await state(second, 'signed-in');
  await renew(second);
  await renew(tab);
  await press(tab, '#validate', ({ payload }) => assert.equal(payload.sub, subject));

  // The app brings its ID token, so nobody is asked; the next sign-in asks for the password again.
  await tab.evaluate(() => { document.body.dataset.before = 'signing out'; });
  await tab.click('#sign-out');
  await tab.waitForSelector('body:not([data-before]) #state[data-state="signed-out"]');
  assert.equal(new URL(tab.url()).pathname, '/');
  await tab.click('#sign-in');
  await tab.waitForSelector('input[name="password"]');

  watched.assertClean();
  watchedSecond.assertClean();
  console.log('spa: signed in, validated, renewed in two tabs, signed out');
}, site);

// Renews with the refresh token: another access token, another refresh token, the same user.
async function renew(tab) {
  const before = await tab.locator('#state').evaluate((element) => ({ ...element.dataset }));
  await press(tab, '#renew', (user) => assert.ok(user.access_token, JSON.stringify(user)));
  const after = await tab.locator('#state').evaluate((element) => ({ ...element.dataset }));
  assert.notEqual(after.accessToken, before.accessToken);
  assert.ok(after.refreshToken);
}

// Presses a button of the app, waits for the app to have shown what came of it, and checks that.
async function press(tab, button, check) {
  const turn = await tab.getAttribute('#state', 'data-turn');
  await tab.click(button);
  await tab.waitForFunction((seen) => document.getElementById('state').dataset.turn !== seen, turn);
  const result = JSON.parse(await tab.textContent('#result'));
  assert.equal(result?.error, undefined, `${button}: ${JSON.stringify(result)}`);
  check(result);
}

async function state(tab, expected) {
  await tab.waitForSelector(`#state[data-state="${expected}"]`).catch(async (error) => {
    throw new Error(`the app is not ${expected}: ${await tab.textContent('#result')}\n${error.message}`);
  });
}

function serve() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    if (pathname === '/settings.json') {
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify({ issuer: ISSUER, clientId: CLIENT_ID }));
    }
    const file = fileOf(pathname === '/' || pathname === '/callback' ? '/index.html' : pathname);
    if (!existsSync(file)) return response.writeHead(404).end();
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream');
    return createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => { server.listen(Number(SPA_PORT), '127.0.0.1', () => resolve(server)); });
}

function fileOf(pathname) {
  const [prefix, root] = Object.entries(roots).find(([start]) => pathname.startsWith(start));
  return join(root, normalize(`/${pathname.slice(prefix.length)}`));
}
