// The demo page, as somebody uses it who has a keyboard and no mouse, sees little, or came by a poor way.

import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { startServer } from '../helpers';
import { allHearAll, MEETING, roster, Stage, type Caller } from './browser';
import { NetLog } from './net-log';
import { needBuild } from '../need';

await needBuild();

/** Chromium asks Google about forms; that is no doing of the page. */
const AUTOFILL_AT_NOBODYS = '--autofill-server-url=http://127.0.0.1:9/';

/** What the call begins with; how many are in it comes after. */
const IN_CALL = new RegExp(`^${MEETING} `);

/** The page of somebody in the lobby. */
async function visitLobby(stage: Stage, origin: string, name: string): Promise<Caller> {
  const caller = await stage.visit(`${origin}/demo/?meeting=${MEETING}`, name);
  await caller.page.getByRole('heading', { name: 'Join the call' }).waitFor();
  return caller;
}

/** The page of somebody who typed a name, pressed Enter, and is in the call. */
async function enter(stage: Stage, origin: string, name: string): Promise<Caller> {
  const caller = await visitLobby(stage, origin, name);
  await isFocused(caller.page, 'textbox', 'Your name');
  await caller.page.keyboard.type(name);
  await caller.page.keyboard.press('Enter');
  await isFocused(caller.page, 'heading', IN_CALL);
  return caller;
}

type Role = Parameters<Page['getByRole']>[0];

const focused = (page: Page, role: Role, name: string | RegExp) =>
  page.locator(':focus').and(page.getByRole(role, { name, exact: true }));

/** Settles when the focus is on it. */
const isFocused = (page: Page, role: Role, name: string | RegExp) => focused(page, role, name).waitFor();

/** Presses Tab until the focus is on it; fails if it never comes there. */
async function tabTo(page: Page, role: Role, name: string): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab');
    if ((await focused(page, role, name).count()) > 0) return;
    passed.push(await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 80) ?? 'nothing'));
  }
  throw new Error(`Tab never came to ${name}, but to ${passed.join(', ')}`);
}

async function pressOn(page: Page, role: Role, name: string): Promise<void> {
  await tabTo(page, role, name);
  await page.keyboard.press('Enter');
}

const told = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();
const tile = (page: Page, text: string) => page.getByRole('listitem').filter({ hasText: text }).waitFor();

test('two people go through a whole call by keyboard alone, and no other host is asked for anything', async () => {
  const netLog = new NetLog();
  const stage = await Stage.open(netLog.flag, AUTOFILL_AT_NOBODYS);
  const { url } = await startServer({ demo: true });

  const ada = await enter(stage, url, 'Ada');
  await ada.page.getByRole('heading', { name: 'Nobody else is here' }).waitFor();
  expect(await ada.page.title()).toContain('(1)');
  const bob = await enter(stage, url, 'Bob');
  await told(ada.page, 'Bob joined.');
  expect(await ada.page.title()).toContain('(2)');

  await tile(bob.page, 'Ada, muted');
  await ada.page.keyboard.press('m');
  await bob.page.keyboard.press('m');
  await allHearAll([ada, bob]);
  await ada.page.getByRole('button', { name: 'Mute', exact: true, pressed: false }).waitFor();
  await ada.page.keyboard.press('m');
  await ada.page.getByRole('button', { name: 'Muted', pressed: true }).waitFor();
  await tile(bob.page, 'Ada, muted');

  await pressOn(ada.page, 'button', 'Camera');
  await bob.page.waitForFunction(() => {
    const video = document.querySelector('video');
    return video !== null && video.videoWidth > 0 && video.currentTime > 0;
  });

  await pressOn(bob.page, 'button', 'Invite');
  await bob.page.locator('dialog:modal').waitFor();
  await tabTo(bob.page, 'textbox', 'Whoever has this link can join');
  expect(await bob.page.evaluate(() => getSelection()?.toString())).toBe(`${url}/demo/?meeting=${MEETING}`);
  // Who writes is not speaking.
  await bob.page.keyboard.press('m');
  await bob.page.keyboard.press('Escape');
  await bob.page.getByRole('dialog').waitFor({ state: 'detached' });
  await isFocused(bob.page, 'button', 'Invite');
  await bob.page.getByRole('button', { name: 'Mute', exact: true, pressed: false }).waitFor();

  // Who does not want the key can switch it off.
  await pressOn(bob.page, 'button', 'Devices');
  await tabTo(bob.page, 'checkbox', 'The key M mutes and unmutes');
  await bob.page.keyboard.press('Space');
  await bob.page.keyboard.press('Escape');
  await bob.page.getByRole('dialog').waitFor({ state: 'detached' });
  await bob.page.keyboard.press('m');

  await pressOn(bob.page, 'button', 'Diagnostics');
  const findings = bob.page.getByRole('region', { name: 'Findings' });
  for (const finding of ['websocket', 'back-call 0.', 'host to host']) await findings.getByText(finding).waitFor();
  await bob.page.keyboard.press('Escape');
  await bob.page.getByRole('button', { name: 'Mute', exact: true, pressed: false }).waitFor();

  await pressOn(bob.page, 'button', 'Leave');
  await isFocused(bob.page, 'heading', 'You left the call');
  await told(ada.page, 'Bob left.');
  await pressOn(bob.page, 'button', 'Join again');
  await isFocused(bob.page, 'heading', IN_CALL);
  await tile(bob.page, 'Ada, muted');

  const requested = [ada, bob].flatMap((caller) => caller.requested);
  expect(new Set(requested.map((address) => new URL(address).host))).toEqual(new Set([new URL(url).host]));
  await stage.close();
  expect([...netLog.read().hosts]).toEqual(['127.0.0.1']);
});

const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
];
const SCHEMES = ['light', 'dark'] as const;

/** What axe finds serious or critical in what the page shows, at each size and in each color scheme. */
async function barriers({ page }: Caller, view: string): Promise<string[]> {
  const found: string[] = [];
  for (const size of SIZES)
    for (const colorScheme of SCHEMES) {
      await page.setViewportSize(size);
      // Colors on their way from one to the other would be taken for what they are not.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
      for (const { id, impact, nodes } of violations)
        if (impact === 'serious' || impact === 'critical')
          for (const { html } of nodes) found.push(`${view}, ${size.width} wide, ${colorScheme}: ${id} in ${html}`);
    }
  return found;
}

test('axe finds nothing serious in any view, light or dark, on a phone or a desktop', async () => {
  const stage = await Stage.open();
  const { url } = await startServer({ demo: true });
  const lobby = await visitLobby(stage, url, 'carol');
  await lobby.page.getByText('It hears you.').waitFor();
  const found = await barriers(lobby, 'lobby');

  const ada = await enter(stage, url, 'Ada');
  found.push(...(await barriers(ada, 'alone')));
  const bob = await enter(stage, url, 'Bob');
  for (const { page } of [ada, bob]) {
    await page.getByRole('button', { name: 'connection with' }).waitFor();
    await page.keyboard.press('m');
  }
  found.push(...(await barriers(ada, 'call')));
  for (const name of ['Invite', 'Devices', 'Diagnostics']) {
    await pressOn(ada.page, 'button', name);
    await ada.page.getByRole('dialog', { name }).waitFor();
    found.push(...(await barriers(ada, name)));
    await ada.page.keyboard.press('Escape');
  }
  await pressOn(ada.page, 'button', 'Leave');
  await isFocused(ada.page, 'heading', 'You left the call');
  found.push(...(await barriers(ada, 'left')));
  expect(found).toEqual([]);
});

test('who may not be heard, by his own word, joins and listens, and is told what to do', async () => {
  const stage = await Stage.open('!--use-fake-ui-for-media-stream');
  const { url } = await startServer({ demo: true });
  const ada = await visitLobby(stage, url, 'Ada');
  const refusal = 'The browser may not use the microphone. Allow it';
  await pressOn(ada.page, 'button', 'Test microphone');
  await told(ada.page, refusal);
  await pressOn(ada.page, 'button', 'Join');
  await isFocused(ada.page, 'heading', IN_CALL);
  await ada.page.getByRole('alert').filter({ hasText: refusal }).waitFor();
  await ada.page.getByRole('button', { name: 'Muted', pressed: true }).waitFor();
});

test('who came by plain http is told before joining that it is good for listening alone', async () => {
  const lan = 'lan.example';
  const stage = await Stage.open(`--host-resolver-rules=MAP ${lan} 127.0.0.1, MAP * 127.0.0.9, EXCLUDE 127.0.0.1`);
  const { url, port } = await startServer({ demo: true });
  const ada = await enter(stage, url, 'Ada');
  const bob = await visitLobby(stage, `http://${lan}:${port}`, 'Bob');
  await bob.page.getByRole('note').filter({ hasText: 'Here you can listen, but not speak.' }).waitFor();
  await bob.page.keyboard.press('Enter');
  await isFocused(bob.page, 'heading', IN_CALL);
  await ada.page.keyboard.press('m');
  await bob.hears(1);
  await bob.page.keyboard.press('m');
  await bob.page.getByRole('alert').filter({ hasText: 'https' }).waitFor();
});

const LAN = 'lan.example';
const LAN_FLAG = `--host-resolver-rules=MAP ${LAN} 127.0.0.1, MAP * 127.0.0.9, EXCLUDE 127.0.0.1`;

const storedUserId = (page: Page) => page.evaluate(() => sessionStorage.getItem('back-call:user-id'));

test.each([
  ['a secure page', '127.0.0.1'],
  ['a page by plain HTTP from another host', LAN],
])('a duplicated tab is a second participant, and a reload keeps the user ID: %s', async (_, host) => {
  const stage = await Stage.open(LAN_FLAG);
  const { url, port } = await startServer({ demo: true });
  const ada = await enter(stage, `http://${host}:${port}`, 'Ada');
  const userId = await storedUserId(ada.page);

  const copy = await ada.page.context().newPage();
  await copy.addInitScript((id) => {
    if (sessionStorage.length === 0) sessionStorage.setItem('back-call:user-id', id ?? '');
  }, userId);
  await copy.goto(ada.page.url());
  await copy.getByRole('button', { name: 'Join', exact: true }).click();
  await isFocused(copy, 'heading', IN_CALL);
  expect(await roster(url)).toHaveLength(2);
  const second = await storedUserId(copy);
  expect(second).not.toBe(userId);

  for (const [page, id] of [
    [ada.page, userId],
    [copy, second],
  ] as const) {
    await page.reload();
    await page.getByRole('heading', { name: 'Join the call' }).waitFor();
    expect(await storedUserId(page)).toBe(id);
  }
});

test('a touch device that claims to hover is told to tap the microphone, and no key', async () => {
  const stage = await Stage.open(
    '--blink-settings=primaryPointerType=2,availablePointerTypes=2,primaryHoverType=2,availableHoverTypes=2',
  );
  const { url } = await startServer({ demo: true });
  const { page } = await visitLobby(stage, url, 'Ada');
  expect(await page.evaluate(() => matchMedia('(hover: hover) and (pointer: coarse)').matches)).toBe(true);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByText('Tap the microphone.').waitFor();
  expect(await page.getByText('Press M to speak.').isVisible()).toBe(false);
});

test('names are isolated from the text around them, and an avatar shows one grapheme cluster', async () => {
  const family = '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}';
  const name = `${family}${family} \u05d0\u05d3\u05d4`;
  const stage = await Stage.open();
  const { url } = await startServer({ demo: true });
  const ada = await enter(stage, url, 'Ada');
  const { page } = ada;
  await enter(stage, url, name);
  await page.getByRole('status').locator('bdi', { hasText: name }).waitFor();
  await page.getByRole('listitem').locator('bdi', { hasText: name }).waitFor();
  await page.getByRole('heading').locator('bdi', { hasText: MEETING }).waitFor();
  expect(await page.title()).toContain(`\u2068${MEETING}\u2069`);
  const badge = page.getByRole('button', { name: 'connection with' });
  expect(await badge.getAttribute('aria-label')).toContain(`\u2068${name}\u2069`);
  const avatar = page.getByRole('listitem').filter({ hasText: name }).locator('.avatar');
  expect(await avatar.textContent()).toBe(family);
  expect(await avatar.evaluate((element) => getComputedStyle(element).overflow)).toBe('hidden');
});
