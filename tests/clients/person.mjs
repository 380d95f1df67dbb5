// A person at a browser without JavaScript: follows redirects, keeps cookies, fills the sign-in form and allows.
//
// As a program (`node person.mjs URL`) it is what a native app opens as "the browser": it reads USERNAME and PASSWORD
// and ends when the client's redirect URI has answered; its cookies stay in the file COOKIES for the next call. As a
// module it offers `signIn` and the `Browser`, which keeps its cookies from one sign-in to the next.

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { pathToFileURL } from 'node:url';

const MOST_STEPS = 20;
// How a browser says that a person goes to a page: some applications answer scripts with 401.
const NAVIGATION = { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' };

// Walks from an authorization request to the client's redirect URI, which must start with `home`; requests it (somebody
// listens there) unless `deliver` is false, and returns it.
export async function signIn(url, { username, password, home, deliver = true, browser = new Browser() }) {
  let step = await browser.open(url, home);
  for (let count = 0; count < MOST_STEPS; count += 1) {
    if (step.arrived) {
      if (deliver) await requireOk(await fetch(step.arrived), 'the redirect URI');
      return step.arrived;
    }
    step = await browser.submit(answer(step, { username, password }), home);
  }
  throw new Error(`no end after ${MOST_STEPS} forms; the last page was ${step.url}`);
}

// What a person does on a page: sign in where there is a password field, allow where there is a decision.
function answer(page, { username, password }) {
  if (page.status >= 400) throw new Error(`${page.url} answered ${page.status}:\n${text(page.html)}`);
  for (const form of forms(page)) {
    if (form.fields.has('password') && form.fields.has('username')) {
      return { ...form, fields: new Map([...form.fields, ['username', username], ['password', password]]) };
    }
    if (form.buttons.some((button) => button.name === 'decision' && button.value === 'allow')) {
      return { ...form, fields: new Map([...form.fields, ['decision', 'allow']]) };
    }
  }
  throw new Error(`${page.url} asks for nothing that is known here:\n${text(page.html)}`);
}

export class Browser {
  #cookies;
  #seen;

  // `seen(method, url)` is told of every request; `cookies` are those of an earlier browser.
  constructor(seen = () => {}, cookies = []) {
    this.#seen = seen;
    this.#cookies = new Map(cookies);
  }

  get cookies() {
    return [...this.#cookies];
  }

  async open(url, home) {
    return this.#follow(url, { method: 'GET' }, home);
  }

  async submit({ action, method, fields }, home) {
    const body = new URLSearchParams([...fields]);
    if (method === 'GET') return this.open(`${action}?${body}`, home);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(action).origin };
    return this.#follow(action, { method, body: body.toString(), headers }, home);
  }

  async #follow(url, request, home) {
    for (let count = 0; count < MOST_STEPS; count += 1) {
      const { status, location, html } = await this.#send(url, request);
      if (status < 300 || status >= 400 || !location) return { url, status, html };
      url = new URL(location, url).href;
      if (url.startsWith(home)) return { arrived: url };
      request = { method: 'GET' };
    }
    throw new Error(`no end after ${MOST_STEPS} redirects; the last one led to ${url}`);
  }

  async #send(url, request) {
    const headers = { accept: 'text/html', 'accept-language': 'en', ...NAVIGATION, ...request.headers };
    if (this.#cookies.size > 0) headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    this.#seen(request.method, url);
    const answer = await exchange(url, { ...request, headers });
    for (const line of answer.cookies) this.#keep(line);
    return answer;
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const gone = attributes.some((part) => /^max-age=(0|-.*)$/i.test(part)) || expired(attributes);
    if (gone) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

// One request without `fetch`, which would say of itself that it is a script.
function exchange(url, { method, headers, body }) {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http;
    const sent = request(url, { method, headers }, async (response) => {
      try {
        const html = Buffer.concat(await response.toArray()).toString();
        const { location, 'set-cookie': cookies = [] } = response.headers;
        resolve({ status: response.statusCode, location, cookies, html });
      } catch (error) {
        reject(error);
      }
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function expired(attributes) {
  const expires = attributes.find((part) => /^expires=/i.test(part));
  return expires !== undefined && Date.parse(expires.slice('expires='.length)) <= Date.now();
}

export function forms({ html, url }) {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, head, body]) => {
    const given = attributes(head);
    const inputs = [...body.matchAll(/<input\b([^>]*)>/gi)].map(([, text]) => attributes(text));
    const buttons = [...body.matchAll(/<button\b([^>]*)>/gi)].map(([, text]) => attributes(text));
    const sent = inputs.filter((input) => input.name && !['submit', 'button', 'checkbox'].includes(input.type));
    return {
      action: new URL(given.action || url, url).href,
      method: (given.method || 'get').toUpperCase(),
      fields: new Map(sent.map((input) => [input.name, input.value ?? ''])),
      buttons: [...buttons, ...inputs.filter((input) => input.type === 'submit')],
    };
  });
}

function attributes(text) {
  const pattern = /([^\s=\/"'>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g;
  const found = [...text.matchAll(pattern)].map(([, name, a, b, c]) => [name.toLowerCase(), decode(a ?? b ?? c ?? '')]);
  return Object.fromEntries(found);
}

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decode(value) {
  return value.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|(amp|lt|gt|quot|apos));/gi, (_, hex, decimal, name) => {
    if (name) return ENTITIES[name.toLowerCase()];
    return String.fromCodePoint(hex ? parseInt(hex, 16) : parseInt(decimal, 10));
  });
}

export function text(html) {
  return html.replace(/<(style|script|svg)\b.*?<\/\1>/gis, '').replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ').trim();
}

async function requireOk(response, what) {
  const body = await response.text();
  if (!response.ok) throw new Error(`${what} answered ${response.status}: ${body}`);
}

// The address to which an authorization or logout request leads back: where the person's way ends.
export function redirectUriOf(url) {
  const { searchParams } = new URL(url);
  return searchParams.get('redirect_uri') ?? searchParams.get('post_logout_redirect_uri');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const url = process.argv[2];
  const { USERNAME: username, PASSWORD: password, COOKIES: file } = process.env;
  const kept = file && fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : [];
  const browser = new Browser(undefined, kept);
  await signIn(url, { username, password, home: redirectUriOf(url), browser });
  if (file) fs.writeFileSync(file, JSON.stringify(browser.cookies));
}
