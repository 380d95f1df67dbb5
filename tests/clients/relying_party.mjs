// A person at a web application, in a browser without JavaScript: goes to a protected page, signs in and allows on the
// pages of the server, comes back without being asked again, and signs out of the application and of the server.

import assert from 'node:assert/strict';
import { Browser, forms, text } from './person.mjs';

const { ISSUER, USERNAME, PASSWORD, PAGE, WHO, SHOWS, SIGN_OUT, GOODBYE } = process.env;
const MOST_FORMS = 10;

const visited = [];
const browser = new Browser((method, url) => visited.push(`${method} ${url}`));

const shown = await walk(PAGE, ['sign in', 'allow']);
assert.equal(withoutQuery(shown.url), PAGE);

const who = await walk(WHO, []);
assert.equal(who.url, WHO, 'who is signed in is not asked again');
assert.ok(who.html.includes(SHOWS), `${WHO} does not say who is there:\n${text(who.html)}`);

visited.length = 0;
const goodbye = await walk(SIGN_OUT, ['sign out', 'sign out']);
assert.equal(withoutQuery(goodbye.url), GOODBYE);
assert.ok(visited.some((line) => line.startsWith(`GET ${ISSUER}/logout`)), visited.join('\n'));

const asked = await browser.open(PAGE, 'nowhere:');
assert.ok(asked.url.startsWith(`${ISSUER}/login`) && doing(asked) === 'sign in', `${PAGE} leads to ${asked.url}`);
console.log(`signed in, came back, signed out over ${visited.length} requests`);

// Opens an address and does on each page what it asks for, as long as that is expected, in this order.
async function walk(url, expected) {
  let page = await browser.open(url, 'nowhere:');
  const left = [...expected];
  for (let count = 0; count < MOST_FORMS; count += 1) {
    if (page.status >= 400) throw new Error(`${page.url} answered ${page.status}:\n${text(page.html)}\n${visited.join('\n')}`);
    const wanted = doing(page);
    if (wanted === undefined) return page;
    while (left.length > 0 && left[0] !== wanted) left.shift();
    if (left.shift() === undefined) throw new Error(`${page.url} asks a person to ${wanted}, who is not expecting that`);
    page = await browser.submit(filled(page, wanted), 'nowhere:');
  }
  throw new Error(`no end after ${MOST_FORMS} forms; the last page was ${page.url}`);
}

function withoutQuery(url) {
  return url.split('?')[0];
}

// What a page asks for; nothing where it has no form of a kind that is known here.
function doing(page) {
  const all = forms(page);
  if (all.some((form) => form.fields.has('password'))) return 'sign in';
  if (all.some((form) => form.buttons.some((button) => button.name === 'decision'))) return 'allow';
  return all.some((form) => new URL(form.action).pathname.endsWith('/logout')) ? 'sign out' : undefined;
}

function filled(page, wanted) {
  const all = forms(page);
  if (wanted === 'sign out') return all.find((form) => new URL(form.action).pathname.endsWith('/logout'));
  const [has, values] = wanted === 'sign in'
    ? [(form) => form.fields.has('password'), [['username', USERNAME], ['password', PASSWORD]]]
    : [(form) => form.buttons.some((button) => button.name === 'decision'), [['decision', 'allow']]];
  const form = all.find(has);
  return { ...form, fields: new Map([...form.fields, ...values]) };
}
