// The process: starting, what it writes, signals, and how it ends. Runs what `npm start` runs.

import { spawn, type ChildProcess } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { before, connect, get, Inbox, participant, peer, refused, refusedUpgrade } from './helpers';
import { needBuild } from './need';

await needBuild();

interface Line {
  msg: string;
  level: number;
  reason?: string;
  [field: string]: unknown;
}

interface Run {
  child: ChildProcess;
  lines: Inbox<Line>;
  output: Inbox<string>;
  written: () => string;
  /** The exit code, once it has ended. */
  exited: () => Promise<number | null>;
}

function run(env: Record<string, string>, command = 'node', args = ['dist/server.mjs']): Run {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, { env: { PATH, HOME, LOG_FORMAT: 'json', PORT: '0', STUN_URLS: '', ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = new Inbox<Line>();
  const output = new Inbox<string>();
  let text = '';
  let rest = '';
  const read = (chunk: Buffer) => {
    text += chunk.toString();
    output.put(chunk.toString());
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.startsWith('{')) lines.put(JSON.parse(part) as Line);
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    child,
    lines,
    output,
    written: () => text,
    exited: () => before(exited, () => `the process to end; it wrote ${text}`),
  };
}

async function listening({ lines }: Run): Promise<string> {
  const { port } = await lines.next(({ msg }) => msg.startsWith('listening'), 'the server to listen');
  return `http://127.0.0.1:${String(port)}`;
}

describe('the process', () => {
  it('[D4] ends with 0 on SIGTERM, everybody told', async () => {
    const server = run({});
    const url = await listening(server);
    const ada = await participant(url, { userId: 'ada' }, { reconnection: false });
    await peer(url, 'peer-ada');
    server.child.kill('SIGTERM');
    await ada.next('call:server-shutdown');
    expect(await server.exited()).toBe(0);
    await server.lines.next(({ msg, reason }) => msg === 'stopping' && reason === 'SIGTERM');
    await server.lines.next(({ msg, reason }) => msg === 'stopped' && reason === 'all closed');
  });

  it('[D4] ends in time beside a client that never answers', async () => {
    const server = run({ SHUTDOWN_GRACE_MS: '100' });
    const url = await listening(server);
    const wire = await peer(url, 'deaf');
    wire.ws.pause();
    server.child.kill('SIGINT');
    expect(await server.exited()).toBe(0);
    await server.lines.next(({ reason }) => reason === 'time is up');
  });

  it.each(['json', 'pretty'])(
    '[D4] goes on, and ends on SIGTERM, when nobody reads its %s log any more',
    async (format) => {
      const server = run({ LOG_FORMAT: format });
      await server.output.next((chunk) => chunk.includes('listening'));
      const port = /localhost:(\d+)/.exec(server.written())?.[1] ?? '';
      server.child.stdout?.destroy();
      server.child.stderr?.destroy();
      const url = `http://127.0.0.1:${port}`;
      const ada = await participant(url, { userId: 'ada' }, { reconnection: false });
      await participant(url, { userId: 'bob' }, { reconnection: false });
      expect((await ada.next('call:peer-joined')).userId).toBe('bob');
      server.child.kill('SIGTERM');
      expect(await server.exited()).toBe(0);
    },
  );

  it('[D4] ends at once on a second signal', async () => {
    const server = run({ SHUTDOWN_GRACE_MS: '60000' });
    const url = await listening(server);
    const wire = await peer(url, 'deaf');
    wire.ws.pause();
    server.child.kill('SIGTERM');
    await server.lines.next(({ msg }) => msg === 'stopping');
    server.child.kill('SIGTERM');
    expect(await server.exited()).toBe(1);
  });

  it('says in one line per variable what is wrong with the environment', async () => {
    const server = run({ PORT: 'high', MAX_PARTICIPANTS: '0', TURN_SECRET: 'hush' });
    expect(await server.exited()).toBe(1);
    expect(server.written().trim().split('\n')).toEqual([
      'PORT: found "high", expected a whole number from 0 to 65535',
      'MAX_PARTICIPANTS: found "0", expected a whole number from 1 to 1000',
      'TURN_URLS: found nothing, expected something, because TURN_SECRET is set',
    ]);
  });

  it('says in one line that the port is taken', async () => {
    const first = run({});
    const { port } = new URL(await listening(first));
    const second = run({ PORT: port });
    expect(await second.exited()).toBe(1);
    expect((await second.lines.next()).msg).toBe(`port ${port} is taken`);
  });

  it('writes a line per join, leave, reconnect and refusal, and no secret ever', async () => {
    const server = run({
      LOG_LEVEL: 'trace',
      TURN_URLS: 'turn:127.0.0.1:1',
      TURN_SECRET: 'very-secret',
    });
    const url = await listening(server);
    const ada = await participant(url, { userId: 'ada' }, { reconnectionDelay: 10 });
    const bob = await participant(url, { userId: 'bob' });
    await peer(url, 'peer-ada', 'secret-token');
    const parties = { fromUserId: 'ada', toUserId: 'bob', fromPeerId: 'peer-ada', toPeerId: 'peer-bob' };
    const signal = {
      meetingId: 'meeting',
      ...parties,
      signal: { sdp: 'v=0 secret-sdp' },
      signalType: 'offer' as const,
    };
    await ada.ask('call:signal', signal);
    const nobody = await connect(url);
    expect(refused(await nobody.ask('call:mute', { meetingId: 'meeting', userId: 'ada' }))).toBe('NOT_IN_CALL');
    ada.socket.io.engine.close();
    await bob.next('call:peer-reconnected');
    await bob.ask('call:leave', { meetingId: 'meeting', userId: 'bob' });
    expect((await get(`${url}/api/call/ice-servers`)).status).toBe(200);

    const evil = { Origin: 'https://evil.example' };
    expect((await refusedUpgrade(`${url}/socket.io/?EIO=4&transport=websocket`, evil)).status).toBe(403);
    expect((await get(`${url}/health`, evil)).status).toBe(403);

    const meeting = { meetingId: 'meeting' };
    expect(await server.lines.next(({ msg }) => msg === 'joined')).toMatchObject({
      ...meeting,
      userId: 'ada',
      level: 30,
    });
    expect(await server.lines.next(({ msg }) => msg === 'joined')).toMatchObject({ ...meeting, userId: 'bob' });
    expect(await server.lines.next(({ msg }) => msg === 'signal')).toMatchObject({
      userId: 'ada',
      to: 'bob',
      level: 20,
    });
    expect(await server.lines.next(({ msg }) => msg === 'refused')).toMatchObject({ reason: 'NOT_IN_CALL', level: 40 });
    expect(await server.lines.next(({ msg }) => msg.startsWith('connection lost'))).toMatchObject({ userId: 'ada' });
    expect(await server.lines.next(({ msg }) => msg === 'reconnected')).toMatchObject({ ...meeting, userId: 'ada' });
    expect(await server.lines.next(({ msg }) => msg === 'left')).toMatchObject({ userId: 'bob', reason: 'left' });
    const notAllowed = { reason: 'ORIGIN_NOT_ALLOWED', level: 40 };
    expect(await server.lines.next(({ msg }) => msg === 'upgrade refused')).toMatchObject(notAllowed);
    expect(await server.lines.next(({ path }) => path === '/health')).toMatchObject(notAllowed);
    server.child.kill('SIGTERM');
    await server.exited();
    expect(server.written()).not.toMatch(/secret|credential|:ada"/);
  });

  it.each(['json', 'pretty'])(
    '[D9] writes no secret of a %s log in warnings of Node.js and uncaught errors',
    async (format) => {
      const fail = `
      const timer = setInterval(() => {
        if (process.listenerCount('SIGTERM') === 0) return;
        clearInterval(timer);
        const texts = 'very-hush and redis://:word#other@127.0.0.1';
        process.emitWarning('warned of ' + texts);
        setImmediate(() => { throw Object.assign(new Error('failed by ' + texts), { command: { args: ['very-hush'] } }); });
      });`;
      const server = run({
        LOG_FORMAT: format,
        TURN_URLS: 'turn:127.0.0.1:1',
        TURN_SECRET: 'very-hush',
        NODE_OPTIONS: `--import=data:text/javascript;base64,${Buffer.from(fail).toString('base64')}`,
      });
      expect(await server.exited()).toBe(1);
      expect(server.written()).toContain('warned of [redacted] and redis://[redacted]@127.0.0.1');
      expect(server.written()).toContain('failed by [redacted] and redis://[redacted]@127.0.0.1');
      expect(server.written()).not.toMatch(/hush|word|\(node:\d/);
    },
  );

  it('stops by a signal to npm start, which needs nothing but what is built, and passes flags on', async () => {
    const server = run({}, 'npm', ['start', '--silent', '--', '--max-participants', '7']);
    const url = await listening(server);
    expect((await get(`${url}/api/call/config`)).body).toMatchObject({ data: { maxParticipants: 7 } });
    server.child.kill('SIGTERM');
    expect(await server.exited()).toBe(0);
    await server.lines.next(({ msg }) => msg === 'stopped');
  });

  it('[D4] leaves a process with nothing but the two timers of `peer` after close()', async () => {
    const script = `
      import { createCallServer } from './dist/index.js';
      const calls = createCallServer({ logLevel: 'silent' });
      const { port } = await calls.listen(0);
      await (await fetch('http://localhost:' + port + '/api/call/stats', { headers: { connection: 'close' } })).text();
      await calls.close();
      const look = () => {
        const resources = process.getActiveResourcesInfo();
        console.log(JSON.stringify({ msg: 'left', resources: resources.filter((kind) => kind !== 'PipeWrap') }));
        if (resources.filter((kind) => kind !== 'PipeWrap').length > 2) setImmediate(look);
        else process.exit();
      };
      look();
    `;
    const embedding = run({}, 'node', ['--input-type=module', '--eval', script]);
    // Handles that are closed go one after another, in the turns of the event loop that follow.
    await embedding.lines.next(
      ({ msg, resources }) => msg === 'left' && String(resources) === 'Timeout,Timeout',
      'a process with two timers left',
    );
  });

  it('is readable in development', async () => {
    const server = run({ LOG_FORMAT: 'pretty' });
    await server.output.next((chunk) => chunk.includes('listening'), 'a readable line');
    // eslint-disable-next-line no-control-regex
    expect(server.written()).toMatch(/\u001b\[32mINFO\u001b\[39m: .*listening on http:\/\/localhost:\d+/);
  });
});
