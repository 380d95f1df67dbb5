// What the browser tests share: Debian's Chromium, a person's steps on the pages, and what must hold on every page.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { chromium } from 'playwright-core';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

const PATIENCE_MS = 20_000;
const executables = [process.env.AUTHWARD_TEST_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'];

// Runs the steps with a browser and closes it and the sites of the test. When a step fails, says what each page shows.
export async function drive(steps, ...sites) {
  const browser = await launch();
  try {
    await steps(browser);
  } catch (error) {
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      const shown = await page.locator('body').innerText({ timeout: 2000 }).catch(String);
      console.error(`--- a page at ${page.url()} shows\n${shown}\n`);
    }
    console.error(error.stack);
    process.exitCode = 1;
  } finally {
    await browser.close();
    for (const site of sites) site.close();
  }
}

// Chromium without a sandbox of its own (tests run as root in containers) and without requests of its own.
async function launch() {
  const executablePath = executables.find((path) => path && existsSync(path));
  assert.ok(executablePath, 'there is no Chromium: tests/run installs it');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--no-proxy-server',
    ],
  });
}

// Collects what a page must not do: console errors, violations of the content security policy, exceptions, answers of
// 500 and above. A 4xx answer to the document itself is the page's business and not an error here.
export function watch(page, { ownSite } = {}) {
  const problems = [];
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('console', (message) => {
    const document = message.location().url === page.url() && /Failed to load resource/.test(message.text());
    if (message.type() === 'error' && !document) problems.push(`console: ${message.text()} at ${message.location().url}`);
    if (/Content Security Policy/i.test(message.text())) problems.push(`policy: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 500) problems.push(`${response.status()} from ${response.url()}`);
  });
  page.on('request', (request) => {
    const foreign = ownSite && /^https?:/.test(request.url()) && !ownSite.some((site) => request.url().startsWith(site));
    if (foreign) problems.push(`request to another site: ${request.url()}`);
  });
  return {
    problems,
    assertClean() {
      assert.deepEqual(problems, []);
    },
  };
}

// The sign-in form, sent with the Enter key as people do.
export async function fillLogin(page, { username, password }) {
  await field(page, 'username').fill(username);
  await field(page, 'password').fill(password);
  await field(page, 'password').press('Enter');
}

// The sign-up form.
export async function fillSignUp(page, { username, email, password, confirmation = password }) {
  await field(page, 'username').fill(username);
  await field(page, 'email').fill(email);
  await field(page, 'password').fill(password);
  await field(page, 'password_confirmation').fill(confirmation);
  await field(page, 'password_confirmation').press('Enter');
}

// The consent form's yes.
export async function allow(page) {
  await page.locator('button[name="decision"][value="allow"]').click({ timeout: PATIENCE_MS });
}

// Waits for what the selector finds, and allows on the way if consent is asked for: it may be asked again of an app that
// any program on this machine could pretend to be (RFC 8252 §8.6). A password is not asked for.
export async function arrive(page, selector = '#arrived') {
  const button = page.locator('button[name="decision"][value="allow"]');
  await button.or(page.locator(selector)).first().waitFor({ state: 'attached', timeout: PATIENCE_MS });
  if (await button.isVisible()) await allow(page);
  await page.waitForSelector(selector, { state: 'attached', timeout: PATIENCE_MS });
}

export function field(page, name) {
  return page.locator(`input[name="${name}"]`);
}

// Whatever stands between a tab and the client's redirect URI: sign-in if it is asked for, consent if it is asked for.
export async function finish(page, person, home) {
  const signs = { login: field(page, 'password'), consent: page.locator('button[name="decision"][value="allow"]') };
  for (let step = 0; step < 4; step += 1) {
    if (page.url().startsWith(home)) return;
    if (await signs.consent.isVisible()) await allow(page);
    else if (await signs.login.isVisible()) await fillLogin(page, person);
    else throw new Error(`${page.url()} asks for nothing that is known here: ${await page.locator('body').innerText()}`);
    await page.waitForLoadState();
  }
  await page.waitForURL((url) => url.href.startsWith(home));
}

// An authorization request with PKCE, and what is needed to redeem its code.
export function authorization(issuer, { clientId, redirectUri, scope = 'openid profile', extra = {} }) {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(12).toString('base64url');
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...extra,
  });
  return { url: `${issuer}/authorize?${parameters}`, parameters, state, verifier };
}

// Redeems a code as a public client and returns the token answer.
export async function redeem(issuer, { clientId, redirectUri, verifier }, code) {
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    code,
  });
  const response = await fetch(`${issuer}/token`, { method: 'POST', body });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

// A client's site: a redirect URI that keeps what it is called with, and pages of the test's own.
export async function clientSite({ host = '127.0.0.1', port = 0, pages = {} } = {}) {
  const calls = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, `http://${host}`);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">`
      + `<title>${title}</title><h1>${title}</h1>${body}`;
    if (url.pathname in pages) return response.end(page('Client', pages[url.pathname]));
    if (url.pathname !== '/callback') return response.writeHead(404).end();
    const sent = request.method === 'POST' ? new URLSearchParams(await read(request)) : url.searchParams;
    calls.push({ method: request.method, answer: sent });
    return response.end(page('Arrived', '<p id="arrived">You are back.</p>'));
  });
  await new Promise((resolve) => { server.listen(port, host, resolve); });
  const origin = `http://${host}:${server.address().port}`;
  return {
    origin,
    redirectUri: `${origin}/callback`,
    calls,
    answerTo: (state) => calls.find((call) => call.answer.get('state') === state)?.answer,
    close: () => server.close(),
  };
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

// What must hold on every page: a title, a language, one heading, a label on every field, nothing wider than the window.
export async function assertSound(page, name) {
  const found = await page.evaluate(() => {
    const fields = [...document.querySelectorAll('input, select, textarea')]
      .filter((field) => !['hidden', 'submit', 'button'].includes(field.type) && field.getAttribute('aria-hidden') !== 'true');
    const named = (field) => field.labels?.length > 0 || field.getAttribute('aria-label') || field.getAttribute('aria-labelledby');
    const root = document.documentElement;
    return {
      title: document.title.trim(),
      language: root.lang,
      headings: document.querySelectorAll('h1').length,
      unnamed: fields.filter((field) => !named(field)).map((field) => field.name || field.id || field.outerHTML),
      overflow: Math.max(root.scrollWidth, document.body.scrollWidth) - root.clientWidth,
      // A plot's script sizes its canvas through the object model, which no policy forbids and which shows as an attribute.
      inline: document.querySelectorAll('[style]:not(canvas), style, script:not([src]):not([type="application/json"])').length,
    };
  });
  const where = `${name} at ${page.url()}`;
  assert.ok(found.title, `${where} has no title`);
  assert.ok(found.language, `${where} names no language`);
  assert.equal(found.headings, 1, `${where} has ${found.headings} first headings`);
  assert.deepEqual(found.unnamed, [], `${where}: fields without a label`);
  assert.ok(found.overflow <= 0, `${where} is ${found.overflow} pixels wider than the window`);
  assert.equal(found.inline, 0, `${where} has inline script or style`);
  return found;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// No violation that axe-core calls serious or critical.
export async function assertAccessible(page, name) {
  // With its style sheet, which may come after what was waited for.
  await page.waitForLoadState('load');
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`) }));
  assert.deepEqual(serious, [], `${name} at ${page.url()} is hard to use for some`);
}
