// The variants in which every page is looked at, and the look itself: sound, accessible, kept as a screenshot.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { assertAccessible, assertSound } from './lib.mjs';

const { SCREENSHOTS } = process.env;

const languages = { en: 'en-US', ko: 'ko-KR' };
const devices = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 900 } },
};
const schemes = ['light', 'dark'];

export const variants = Object.keys(languages).flatMap((language) =>
  Object.keys(devices).flatMap((device) => schemes.map((scheme) => ({ language, device, scheme }))));

mkdirSync(SCREENSHOTS, { recursive: true });

export function contextOptions({ language, device, scheme }) {
  return { locale: languages[language], colorScheme: scheme, ...devices[device] };
}

export function name({ language, device, scheme }) {
  return `${language}-${device}-${scheme}`;
}

// Looks at a page without axe-core, as where no script runs. Returns its title.
export async function lookAt(page, what, variant) {
  const where = `${what} (${name(variant)})`;
  const found = await assertSound(page, where);
  assert.equal(found.language.slice(0, 2), variant.language, `${where} is in another language`);
  await page.screenshot({ path: join(SCREENSHOTS, `${what}-${name(variant)}.png`), fullPage: true });
  return found.title;
}

// Looks at a page and at how well everybody can use it. Returns its title.
export async function examine(page, what, variant) {
  const title = await lookAt(page, what, variant);
  await assertAccessible(page, `${what} (${name(variant)})`);
  return title;
}

// A page whose title is the same in both languages was not translated.
export function assertTranslated(titles) {
  const [english, korean] = ['en', 'ko'].map((language) => titles[name({ language, device: 'phone', scheme: 'light' })]);
  const same = Object.keys(english).filter((page) => !page.includes('demo') && !page.includes('start') && english[page] === korean[page]);
  assert.deepEqual(same, [], 'pages with the same title in both languages');
}
