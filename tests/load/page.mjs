// What an administrator is shown: signs in and prints the file behind the page `/admin/usage`, for the query in QUERY.

import assert from 'node:assert/strict';
import { Browser, signIn } from '../clients/person.mjs';

const { ISSUER, USERNAME, PASSWORD, QUERY } = process.env;
const url = `${ISSUER}/admin/usage.csv?${QUERY}`;
const browser = new Browser();
await signIn(url, { username: USERNAME, password: PASSWORD, home: url, deliver: false, browser });
const { status, html } = await browser.open(url, 'nowhere');
assert.equal(status, 200, html);
process.stdout.write(html);
