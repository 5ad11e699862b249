// Several workers of one application, by node:cluster and by PM2. Rule D18.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fence, Inbox, participant } from './helpers';
import { needBuild, needPrograms } from './need';
import { RedisServer } from './redis-server';

await needBuild();
await needPrograms('redis');

const { PATH = '' } = env;
const REFUSED =
  /^Several workers \(node:cluster, PM2 cluster mode\) need REDIS_URL: .+ Set REDIS_URL, .+, or run one worker\.$/;

const SERVER = pathToFileURL('dist/server.mjs').href;
const LIBRARY = pathToFileURL('dist/index.js').href;

/** An application that embeds the server. Its workers report what `createCallServer` throws. */
const EMBEDDED = `
  const { createServer } = await import('node:http');
  const { default: express } = await import(${JSON.stringify(import.meta.resolve('express'))});
  const { createCallServer } = await import(${JSON.stringify(LIBRARY)});
  const app = express();
  const server = createServer(app);
  try {
    createCallServer({ mount: { app, server }, logLevel: 'silent' });
    server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ msg: 'listening', port: server.address().port })));
  } catch (error) {
    console.log(JSON.stringify({ msg: error.message }));
    process.exit(1);
  }
`;

interface Line {
  msg: string;
  port?: number;
  code?: number;
  worker?: number;
}

/** Runs a primary that forks workers. The log has the lines of all, and one line for each worker that ends. */
async function startCluster(primary: string, worker: string, environment: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const script = `
    import cluster from 'node:cluster';
    if (cluster.isPrimary) {
      cluster.on('listening', ({ id }) => console.log(JSON.stringify({ msg: 'worker listens', worker: id })));
      cluster.on('exit', ({ id }, code) => console.log(JSON.stringify({ msg: 'exit', worker: id, code })));
      ${primary}
    } else {
      ${worker}
    }
  `;
  const file = join(folder, 'app.mjs');
  await writeFile(file, script);
  await writeFile(join(folder, 'idle.mjs'), 'setInterval(() => undefined, 60_000);');
  return run([file], { LOG_FORMAT: 'json', PORT: '0', HOST: '127.0.0.1', STUN_URLS: '', ...environment });
}

function run(args: string[], environment: Record<string, string>): Inbox<Line> {
  const child = spawn(execPath, args, { cwd: tmpdir(), env: { PATH, ...environment } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const log = new Inbox<Line>();
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on('line', (line) =>
      log.put(line.startsWith('{') ? (JSON.parse(line) as Line) : { msg: line }),
    );
  child.once('close', (code) => log.put({ msg: 'end', code: code ?? -1 }));
  return log;
}

const START = `await import(${JSON.stringify(SERVER)});`;
const line = (log: Inbox<Line>, msg: string) => log.next((each) => each.msg.startsWith(msg), msg);
const refusal = (log: Inbox<Line>) => log.next(({ msg }) => REFUSED.test(msg), 'a refusal');

describe.each([
  ['the server', START],
  ['an application that embeds it', EMBEDDED],
])('%s', (_, worker) => {
  it('[D18] is refused in two workers, unless one has ended before the other starts', async () => {
    const log = await startCluster('cluster.fork(); cluster.fork();', worker);
    const isEnd = ({ msg }: Line) => msg === 'worker listens' || msg === 'exit';
    const ends = [await log.next(isEnd, 'a worker'), await log.next(isEnd, 'another worker')];
    const [refused] = ends.filter(({ msg }) => msg === 'exit');
    expect(refused).toMatchObject({ code: 1 });
    await refusal(log);
    expect(ends.filter(({ msg }) => msg === 'worker listens').length).toBeLessThanOrEqual(1);
  });

  it('[D18] is refused in a worker that is added', async () => {
    const log = await startCluster("cluster.fork().on('listening', () => cluster.fork());", worker);
    expect(await line(log, 'worker listens')).toMatchObject({ worker: 1 });
    await refusal(log);
    expect(await line(log, 'exit')).toMatchObject({ worker: 2, code: 1 });
  });

  it('[D18] starts in one worker, and in the worker that replaces it', async () => {
    const log = await startCluster(
      "cluster.once('exit', () => cluster.fork()); cluster.fork().on('listening', () => cluster.workers[1].kill('SIGKILL'));",
      worker,
    );
    expect(await line(log, 'exit')).toMatchObject({ worker: 1 });
    expect(await log.next(({ msg, worker: id }) => msg === 'worker listens' && id === 2, 'worker 2')).toBeDefined();
  });

  it('[D18] starts in one worker next to a worker of another program', async () => {
    const log = await startCluster(
      `cluster.setupPrimary({ exec: new URL('idle.mjs', import.meta.url).pathname });
       cluster.fork().on('online', () => { cluster.setupPrimary({ exec: process.argv[1] }); cluster.fork(); });`,
      worker,
    );
    await line(log, 'listening');
  });
});

describe('by PM2, the server', () => {
  const start = (environment: Record<string, string>) =>
    run([fileURLToPath(SERVER)], {
      LOG_FORMAT: 'json',
      PORT: '0',
      HOST: '127.0.0.1',
      pm_id: '0',
      NODE_APP_INSTANCE: '0',
      ...environment,
    });

  it.each([
    [{ exec_mode: 'cluster_mode', instances: '2' }],
    [{ exec_mode: 'cluster_mode', instances: '4', NODE_APP_INSTANCE: '3' }],
    [{ exec_mode: 'cluster_mode', instances: '1', NODE_APP_INSTANCE: '1' }],
  ])('[D18] is refused with %j', async (environment) => {
    const log = start(environment);
    await refusal(log);
    expect(await line(log, 'end')).toMatchObject({ code: 1 });
  });

  it.each([
    [{ exec_mode: 'cluster_mode', instances: '1' }],
    [{ exec_mode: 'fork_mode' }],
    [{ exec_mode: 'fork_mode', instances: '1' }],
  ])('[D18] starts with %j', async (environment) => {
    await line(start(environment), 'listening');
  });
});

it('[D18] with REDIS_URL, participants on two workers are in one call', async () => {
  const redis = await RedisServer.forTest();
  const log = await startCluster('cluster.fork(); cluster.fork();', START, {
    REDIS_URL: redis.url,
    REDIS_PREFIX: randomUUID(),
  });
  const { port = 0 } = await line(log, 'listening');
  await line(log, 'listening');
  const url = `http://127.0.0.1:${port}`;
  // The primary gives each connection to the next worker.
  const ada = await participant(url, { userId: 'ada' });
  const bob = await participant(url, { userId: 'bob' });
  const eve = await participant(url, { userId: 'eve' });
  for (const [one, other] of [
    [ada, bob],
    [bob, eve],
    [eve, ada],
  ] as const)
    await fence(one, other);
});
