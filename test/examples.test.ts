// The examples, run as their first lines say.

import { spawn } from 'node:child_process';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { before, get, Inbox, participant, peer } from './helpers';
import { needBuild } from './need';

await needBuild();

it('embedded.js serves its own page and WebSocket, and calls beside them', async () => {
  const { PATH = '' } = process.env;
  const env = { PATH, PORT: '0', STUN_URLS: '', LOG_LEVEL: 'warn' };
  const child = spawn('node', ['examples/embedded.js'], { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = new Inbox<string>();
  child.stdout.on('data', (chunk: Buffer) => output.put(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => output.put(chunk.toString()));
  const exited = new Promise((resolve) => child.on('close', resolve));
  const url = (await output.next((text) => text.startsWith('http://localhost:'), 'its address')).trim();

  expect(await (await fetch(url)).text()).toContain('My application');
  const chat = new WebSocket(`${url.replace('http', 'ws')}/chat`);
  const greeting = new Promise((resolve) => chat.on('message', (data) => resolve((data as Buffer).toString())));
  expect(await before(greeting, () => 'the welcome of the chat')).toBe('welcome');

  const ada = await participant(url, { userId: 'ada' });
  await peer(url, 'peer-ada');
  expect((await ada.next('call:peer-status')).online).toBe(true);
  expect((await get(`${url}/api/call/stats`)).body).toMatchObject({ data: { totalUsersInCalls: 1 } });

  child.kill('SIGTERM');
  await ada.next('call:server-shutdown');
  expect(await before(exited, () => 'the end of the example')).toBe(0);
});
