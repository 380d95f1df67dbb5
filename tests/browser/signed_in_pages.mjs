// The pages for signed-in people and for administrators in every variant, with a second device, an app that was allowed,
// and the usage that all this makes.

import assert from 'node:assert/strict';
import { authorization, clientSite, field, fillLogin, finish, drive, watch } from './lib.mjs';
import { assertTranslated, contextOptions, examine, name, variants } from './variants.mjs';

const { ISSUER, PASSWORD } = process.env;
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) '
  + 'Version/18.5 Mobile/15E148 Safari/604.1';

const site = await clientSite();
let browser;
await drive(async (opened) => {
  browser = opened;
  const titles = {};
  for (const [index, variant] of variants.entries()) titles[name(variant)] = await tour(variant, index);
  assertTranslated(titles);
  console.log(`signed-in pages: ${variants.length} variants of ${Object.keys(titles[name(variants[0])]).length} pages`);
}, site);

// One person's way over every page. Returns the titles by page.
async function tour(variant, index) {
  const titles = {};
  const look = async (page, what) => { titles[what] = await examine(page, what, variant); };
  await account(variant, { username: `visitor${index}`, password: PASSWORD }, look);
  await administration(variant, look);
  return titles;
}

async function signedIn(variant, person, more = {}) {
  const context = await browser.newContext({ ...contextOptions(variant), ...more });
  const page = await context.newPage();
  const watched = watch(page, { ownSite: [ISSUER, site.origin] });
  await page.goto(`${ISSUER}/login`);
  await fillLogin(page, person);
  await page.waitForURL(`${ISSUER}/account`);
  return { context, page, watched };
}

async function account(variant, person, look) {
  const elsewhere = await signedIn(variant, person, { userAgent: IPHONE });
  await elsewhere.context.close();
  const { context, page, watched } = await signedIn(variant, person);
  const flow = authorization(ISSUER, { clientId: 'app', redirectUri: site.redirectUri, scope: 'openid profile email offline_access' });
  await page.goto(flow.url);
  await finish(page, person, site.redirectUri);

  await page.goto(`${ISSUER}/account/profile`);
  await look(page, '15-profile');
  await field(page, 'name').fill('x'.repeat(200));
  await field(page, 'name').press('Enter');
  await page.locator('.field-error').waitFor();
  await look(page, '16-profile-with-error');
  await page.goto(`${ISSUER}/account/email`);
  await look(page, '17-email');
  await page.goto(`${ISSUER}/account/sessions`);
  await look(page, '18-sessions');
  await page.locator('.entries a[href*="session="]').first().click();
  await page.locator('main form').waitFor();
  await look(page, '19-end-session');
  await page.goto(`${ISSUER}/account/sessions/end?session=others`);
  await look(page, '20-end-others');
  await page.goto(`${ISSUER}/account/apps`);
  await look(page, '21-apps');
  await page.locator('.entries a[href*="client="]').first().click();
  await page.locator('main form').waitFor();
  await look(page, '22-revoke-app');
  await page.goto(`${ISSUER}/admin`);
  await look(page, '23-not-for-you');
  watched.assertClean();
  await context.close();
}

async function administration(variant, look) {
  const { context, page, watched } = await signedIn(variant, { username: 'keeper', password: PASSWORD });
  await look(page, '24-account-of-an-administrator');
  await page.locator('main a[href$="/admin"]').click();
  await page.locator('a[href$="/admin/usage"]').waitFor();
  await look(page, '25-admin');
  await page.locator('a[href$="/admin/usage"]').click();
  await page.locator('.plot canvas').waitFor();
  await look(page, '26-usage');
  await page.locator('.numbers summary').press('Enter');
  const shown = await page.locator('#series tbody td').evaluateAll((cells) => cells.reduce((sum, cell) => sum + Number(cell.dataset.value), 0));
  const total = Number((await page.locator('.tiles dd').first().innerText()).replaceAll(',', ''));
  assert.equal(shown, total, 'the table over time and the total differ');
  await page.goto(`${ISSUER}/admin/usage?range=7d&by=client-api&client=app`);
  await page.locator('.held a').waitFor();
  await look(page, '27-usage-of-one-app');
  await page.goto(`${ISSUER}/admin/usage?from=2020-01-01`);
  await look(page, '28-usage-of-a-wrong-period');
  watched.assertClean();
  await context.close();
}
