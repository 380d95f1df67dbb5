// An app watches from a frame whether its sign-in is still the same: it is, until the person signs out (OpenID Connect
// Session Management 1.0 §3).

import assert from 'node:assert/strict';
import { authorization, clientSite, drive, finish, watch } from './lib.mjs';

const { ISSUER, PASSWORD } = process.env;
const person = { username: 'visitor0', password: PASSWORD };

const discovery = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
const frame = discovery.check_session_iframe;
assert.ok(frame.startsWith(ISSUER), 'discovery names the frame');

const site = await clientSite({ pages: { '/app': `<iframe id="op" src="${frame}"></iframe>` } });
await drive(async (browser) => {
  const context = await browser.newContext({ locale: 'en-US' });
  const page = await context.newPage();
  const watched = watch(page);
  const flow = authorization(ISSUER, { clientId: 'app', redirectUri: site.redirectUri });
  await page.goto(flow.url);
  await finish(page, person, site.origin);
  const sessionState = site.answerTo(flow.state).get('session_state');
  assert.match(sessionState, /^[\w-]{43}\.[\w-]{22}$/);

  await page.goto(`${site.origin}/app`);
  const ask = (text) => page.evaluate(async ([message, origin]) => {
    const answer = new Promise((resolve) => {
      window.addEventListener('message', (event) => {
        if (event.origin === origin) resolve(event.data);
      }, { once: true });
    });
    document.getElementById('op').contentWindow.postMessage(message, origin);
    return answer;
  }, [text, new URL(ISSUER).origin]);

  assert.equal(await ask(`app ${sessionState}`), 'unchanged');
  assert.equal(await ask(`another ${sessionState}`), 'changed', 'what another app was told is no state of this one');
  assert.equal(await ask('app'), 'error');
  assert.equal(await ask(`app ${'x'.repeat(2000)}`), 'error');

  const other = await context.newPage();
  await other.goto(`${ISSUER}/logout`);
  await other.locator('form button').first().click();
  await other.waitForLoadState();
  assert.equal(await ask(`app ${sessionState}`), 'changed');
  watched.assertClean();
  console.log('session management: unchanged, then changed');
}, site);
