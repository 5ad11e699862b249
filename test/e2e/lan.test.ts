// A call in a room without internet: the server on one host, a browser on each of two others. Rule D8.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DEADLINE_MS } from '../helpers';
import { allHearAll, Stage, type Caller } from './browser';
import { Lan, obstacle, type Host } from './lan';
import { pathOf } from './programs';
import { BUILT, ServerProcess } from './server-process';

const run = promisify(execFile);

if (obstacle !== undefined) {
  if (env.CI) throw new Error(obstacle);
  console.warn(`The calls on a LAN are not tried: ${obstacle}.`);
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** The process with nothing but `--lan`, as one carries it to a room. */
async function startOn(host: Host): Promise<{ server: ServerProcess; origin: string }> {
  const state = await temporaryFolder();
  const command = host.command(execPath, BUILT, '--lan', '--port', '5443');
  const { server } = await ServerProcess.start({ STATE_DIR: state }, { command });
  return { server, origin: `${host.address}:5443` };
}

/** Where Chromium runs errands of its own: after a warning, and about forms. What a page asks for goes where it is. */
const ERRANDS = ['*.gstatic.com', '*.googleapis.com', '*.google.com'];

/** A browser on a host, with a user who trusts these certificates beside the usual ones. */
async function browserOn(host: Host, ...trusted: string[]): Promise<Stage> {
  const home = await temporaryFolder();
  const store = `sql:${join(home, '.pki/nssdb')}`;
  await mkdir(join(home, '.pki/nssdb'), { recursive: true });
  await run(pathOf('certutil'), ['-d', store, '-N', '--empty-password']);
  for (const cert of trusted) {
    const file = join(home, 'ca.crt');
    await writeFile(file, cert);
    await run(pathOf('certutil'), ['-d', store, '-A', '-t', 'C,,', '-n', 'back-call', '-i', file]);
  }
  const executablePath = await host.wrapped(pathOf('chromium'));
  return Stage.openBy(
    { executablePath, env: { ...env, HOME: home } },
    `--host-resolver-rules=${ERRANDS.map((name) => `MAP ${name} 127.0.0.9`).join()}`,
  );
}

interface Answer {
  status: number;
  text: string;
}

/** What a program on a host gets, which trusts the certificates of a file beside the usual ones. */
async function fetchOn(host: Host, url: string, trusted = ''): Promise<Answer> {
  const script = `
    const response = await fetch(process.argv[1], { redirect: 'manual' });
    console.log(JSON.stringify({ status: response.status, text: await response.text() }));`;
  const [file, ...args] = host.command(execPath, '--input-type=module', '--eval', script, url);
  const { stdout } = await run(file, args, { env: { ...env, NODE_EXTRA_CA_CERTS: trusted } });
  return JSON.parse(stdout) as Answer;
}

/** An address of nobody's (RFC 5737). */
const OUTSIDE = '198.51.100.1';

/** Settles when a host has sent a packet. */
async function sendFrom(host: Host, address: string): Promise<void> {
  const script = `const socket = require('node:dgram').createSocket('udp4');
    socket.send('.', 9, '${address}', () => socket.close());`;
  const [file, ...args] = host.command(execPath, '--eval', script);
  await run(file, args);
}

/** Settles when the page is there that the browser warns of. In its first moment the warning may miss a click. */
async function passWarning(page: Page): Promise<void> {
  const [details, proceed] = [page.locator('#details-button'), page.locator('#proceed-link')];
  const isPassed = async () => {
    const next = (await proceed.isVisible()) ? proceed : details;
    // It may go while it is being clicked on.
    if (await next.isVisible()) await next.click({ timeout: 3000 }).catch(() => undefined);
    return page.getByRole('heading', { name: 'Join the call' }).isVisible();
  };
  await vi.waitUntil(isPassed, { interval: 200, timeout: DEADLINE_MS });
}

async function enter({ page }: Caller, name: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('textbox', { name: 'Meeting' }).fill('room');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('button', { name: 'Muted', pressed: true }).click();
}

test.skipIf(obstacle !== undefined)(
  '[D8] two hosts of a LAN hear each other, one past the warning, one that trusts the authority; nothing leaves it',
  async () => {
    const lan = await Lan.open(3);
    const [carrier, phone, laptop] = lan.hosts as [Host, Host, Host];
    const captures = await Promise.all([lan.captureStrangers(), ...lan.hosts.map((host) => host.captureAttempts())]);
    const { origin } = await startOn(carrier);

    const { text: authority } = await fetchOn(laptop, `http://${origin}/ca.crt`);
    const trusting = await browserOn(laptop, authority);
    const ada = await trusting.visit(`http://${origin}`, 'ada');
    expect(ada.page.url()).toBe(`https://${origin}/demo/`);

    const wary = await browserOn(phone);
    const bob = await wary.openPage('bob');
    await vi.waitFor(() => expect(bob.page.goto(`http://${origin}`)).rejects.toThrow('ERR_CERT_AUTHORITY_INVALID'), {
      timeout: DEADLINE_MS,
    });
    await passWarning(bob.page);

    await enter(ada, 'Ada');
    await enter(bob, 'Bob');
    await allHearAll([ada, bob]);
    for (const { page } of [ada, bob]) expect(await page.evaluate(() => isSecureContext)).toBe(true);
    await ada.page.getByRole('button', { name: 'Invite' }).click();
    const [guide] = await Promise.all([
      ada.page.waitForEvent('popup'),
      ada.page.getByRole('link', { name: 'get rid of it' }).click(),
    ]);
    await guide.getByRole('heading', { name: 'Trust this server' }).waitFor();

    await Promise.all([trusting.close(), wary.close()]);
    // Who does try is seen.
    await sendFrom(laptop, OUTSIDE);
    const packets = (await Promise.all(captures.map((capture) => capture.stop()))).flat();
    expect(packets).toEqual([expect.stringContaining(`> ${OUTSIDE}.`)]);
  },
);

test.skipIf(obstacle !== undefined)(
  '[D8] a server that is carried into another network tells its new address, and is trusted there',
  async () => {
    const lan = await Lan.open(2);
    const [carrier, laptop] = lan.hosts as [Host, Host];
    const { server, origin } = await startOn(carrier);
    const { text: authority } = await fetchOn(laptop, `http://${origin}/ca.crt`);
    const trusted = join(await temporaryFolder(), 'ca.crt');
    await writeFile(trusted, authority);
    expect(await fetchOn(laptop, `https://${origin}/health`, trusted)).toMatchObject({ status: 200 });

    await carrier.moveTo('10.77.0.77');
    await server.said('listening on https://10.77.0.77:5443');
    const moved = await fetchOn(laptop, 'https://10.77.0.77:5443/ca.crt', trusted);
    expect(moved).toMatchObject({ status: 200, text: authority });
  },
);
