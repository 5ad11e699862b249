// How the process starts, or refuses to, with flags, environment variables and a file `.env`. Rules D9, D11 and D12.

import { spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath, getuid } from 'node:process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PERCENT_ENCODE, variableNames, type VariableName } from '../src/config';
import { before, get } from './helpers';
import { BUILT } from './e2e/server-process';

interface Start {
  variables?: Record<string, string>;
  args?: string[];
  cwd?: string;
  uid?: number;
}

interface Outcome {
  /** The lines that the process wrote until it ended or listened. */
  lines: string[];
  /** Undefined if it listens. */
  code: number | null | undefined;
  port: number;
}

/** Starts the process in an empty environment. */
async function start({ variables = {}, args = [], cwd = tmpdir(), uid }: Start): Promise<Outcome> {
  const child = spawn(execPath, [BUILT, '--port', '0', '--log-format', 'json', ...args], {
    cwd,
    env: { PATH: env.PATH, HOME: cwd, STUN_URLS: '', ...variables },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  const outcome = new Promise<Outcome>((resolve) => {
    const settle = (code: number | null | undefined) => {
      const port = /"port":(\d+)/.exec(text)?.[1];
      resolve({ lines: text.trimEnd().split('\n'), code, port: Number(port) });
    };
    const read = (chunk: Buffer) => {
      text += chunk.toString();
      if (/"listening on .*\n/.test(text)) settle(undefined);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('close', settle);
  });
  return before(outcome, () => `an outcome; it wrote ${text}`);
}

async function folderWith(content?: string | Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  if (content !== undefined) await writeFile(join(folder, '.env'), content);
  return folder;
}

async function maxParticipantsOf({ port, lines }: Outcome): Promise<unknown> {
  expect(port, lines.join('\n')).toBeGreaterThan(0);
  const { body } = await get(`http://127.0.0.1:${port}/api/call/config`);
  return (body.data as { maxParticipants: number }).maxParticipants;
}

const utf16 = (text: string) => Buffer.from(text, 'utf16le');

describe('a wrong value', () => {
  const WRONG: Partial<Record<VariableName, string[]>> = {
    PORT: ['70000', '-1', '80.5', 'high'],
    TRUST_PROXY: ['1.2.3', 'abc', '10.0.0.0/33', '10.0.0.0/0', '101', '-1', '1,2', 'loopback,nowhere', 'true'],
    MAX_PARTICIPANTS: ['1', '0', '1001', '-5', '1e3', 'ten'],
    MIN_PARTICIPANTS: ['11', '0', '1001'],
    CORS_ORIGIN: ['https://*', 'app.example', 'https://app.example/x'],
    STUN_URLS: ['stun:h?transport=udp', 'turn:h'],
    PUBLIC_URL: ['calls.example'],
    NODE_LEASE_MS: ['999'],
    LOG_LEVEL: ['loud'],
    DEMO: ['yes'],
    REDIS_URL: ['localhost:6379'],
  };
  const cases = Object.entries(WRONG).flatMap(([name, values]) => values.map((value) => ({ name, value })));

  it.each(cases)('[D11] stops the start with one line: $name=$value', async ({ name, value }) => {
    const { lines, code } = await start(
      name === 'PORT' ? { args: ['--port', value] } : { variables: { [name]: value } },
    );
    expect(lines).toEqual([
      expect.stringMatching(name === 'PORT' ? /^--port: found / : new RegExp(`^${name}: found .+, expected .+`)),
    ]);
    expect(code).toBe(1);
  });

  it.each(['#', '/', '?', '%', '@', '\\', ' '])(
    '[D9] stops the start without the password: REDIS_URL with %s',
    async (mark) => {
      const { lines, code } = await start({ variables: { REDIS_URL: `redis://:hush${mark}word@127.0.0.1:6379` } });
      expect(lines).toEqual([`REDIS_URL: ${PERCENT_ENCODE}`]);
      expect(code).toBe(1);
    },
  );

  it('[D11] of an ICE server that only Firefox refuses is logged, and the server starts', async () => {
    const { lines, code } = await start({ variables: { STUN_URLS: 'stuns:stun.example:5349' } });
    expect(lines.filter((line) => line.includes('Firefox'))).toHaveLength(1);
    expect(code).toBeUndefined();
  });

  it('[D11] gives one line for each of several faults', async () => {
    const variables = { MAX_PARTICIPANTS: '1001', TRUST_PROXY: 'abc', TURN_URLS: 'turn://h', CORS_ORIGIN: 'a,b,c' };
    const { lines, code } = await start({ variables, args: ['--demo', 'maybe'] });
    expect(lines.map((line) => line.split(':')[0]).sort()).toEqual(
      ['--demo', 'CORS_ORIGIN', 'MAX_PARTICIPANTS', 'TRUST_PROXY', 'TURN_SECRET', 'TURN_URLS'].sort(),
    );
    expect(code).toBe(1);
  });
});

describe('a file .env', () => {
  it.each([
    ['as UTF-8', 'MAX_PARTICIPANTS=7\n'],
    ['with a byte order mark', '\ufeffMAX_PARTICIPANTS=7\n'],
    ['with CRLF', 'DEMO=off\r\nMAX_PARTICIPANTS=7\r\n'],
    ['with CR', 'DEMO=off\rMAX_PARTICIPANTS=7\r'],
    ['with quotes, spaces and comments', '# ü\nexport MAX_PARTICIPANTS = "7" # seats\n'],
  ])('[D12] is read %s', async (_, content) => {
    expect(await maxParticipantsOf(await start({ cwd: await folderWith(content) }))).toBe(7);
  });

  it.each([
    ['REDIS_URL=redis://:hush#word@127.0.0.1:6379', `.env: REDIS_URL: ${PERCENT_ENCODE}`],
    ['export TURN_SECRET = hush#word', '.env: TURN_SECRET: write the value in quotes, because # begins a comment'],
    [
      'A=1\r\nTURN_CREDENTIAL: hush#word',
      '.env: TURN_CREDENTIAL: write the value in quotes, because # begins a comment',
    ],
  ])('[D9] stops the start if # cuts a secret, which it does not show: %j', async (content, line) => {
    const { lines, code } = await start({ cwd: await folderWith(content) });
    expect(lines).toEqual([line]);
    expect(code).toBe(1);
  });

  it('[D9] may have secrets with # in quotes, and comments after secrets', async () => {
    const content = 'TURN_URLS=turn:t\nTURN_SECRET="hush#word" # quoted\nREDIS_URL= # none\n';
    expect((await start({ cwd: await folderWith(content) })).code).toBeUndefined();
  });

  it('[D12] may be missing or empty, and the environment and flags win over it', async () => {
    for (const content of [undefined, '', '\ufeff'])
      expect(await maxParticipantsOf(await start({ cwd: await folderWith(content) }))).toBe(10);
    const cwd = await folderWith('MAX_PARTICIPANTS=7\n');
    const variables = { MAX_PARTICIPANTS: '8' };
    expect(await maxParticipantsOf(await start({ cwd, variables }))).toBe(8);
    expect(await maxParticipantsOf(await start({ cwd, variables, args: ['--max-participants', '9'] }))).toBe(9);
  });

  it.each([
    ['UTF-16 LE', Buffer.concat([Buffer.from([0xff, 0xfe]), utf16('PORT=1\r\n')]), 'found UTF-16 text, expected UTF-8'],
    ['UTF-16 BE', Buffer.concat([Buffer.from([0xfe, 0xff]), utf16('PORT=1\n').swap16()]), 'found UTF-16 text'],
    ['UTF-16 without a mark', utf16('PORT=1\n'), 'found UTF-16 text'],
    ['another encoding', Buffer.from('TURN_CREDENTIAL=h\xfcsh\n', 'latin1'), 'found text in another encoding'],
    [
      'a wrong value',
      'MAX_PARTICIPANTS=many\n',
      'MAX_PARTICIPANTS: found "many", expected a whole number from 1 to 1000',
    ],
  ])('[D12] with %s stops the start with one line', async (_, content, text) => {
    const { lines, code } = await start({ cwd: await folderWith(content) });
    expect(lines).toEqual([expect.stringContaining(text)]);
    expect(lines[0]).not.toContain('hush');
    expect(code).toBe(1);
  });

  it('[D12] that is a directory stops the start with one line', async () => {
    const cwd = await folderWith();
    await mkdir(join(cwd, '.env'));
    expect(await start({ cwd })).toMatchObject({ lines: ['.env: found a directory, expected a file'], code: 1 });
  });

  it.runIf(getuid?.() === 0)('[D12] that cannot be read stops the start with one line', async () => {
    const cwd = await folderWith('MAX_PARTICIPANTS=7\n');
    await chmod(join(cwd, '.env'), 0);
    const { lines, code } = await start({ cwd, uid: UNKNOWN_USER });
    expect(lines).toEqual(['.env: the file cannot be read (EACCES)']);
    expect(code).toBe(1);
  });
});

describe('a misspelt variable', () => {
  it.each([
    ['MAX_PARTICIPANT', 'MAX_PARTICIPANTS'],
    ['MAXPARTICIPANTS', 'MAX_PARTICIPANTS'],
    ['CORS_ORIGINS', 'CORS_ORIGIN'],
    ['TURN_URL', 'TURN_URLS'],
    ['TRUST_PORXY', 'TRUST_PROXY'],
    ['max_participants', 'MAX_PARTICIPANTS'],
    ['BACK_CALL_MAX_PARTICIPANTS', 'MAX_PARTICIPANTS'],
  ])('[D12] is named with the nearest one: %s', async (name, nearest) => {
    const inFile = await start({ cwd: await folderWith(`${name}=3\n`) });
    expect(inFile.lines.filter((line) => line.includes('unknown variable'))).toEqual([
      expect.stringContaining(`"unknown variable ${name} in .env. Did you mean ${nearest}?"`),
    ]);
    const outside = await start({ variables: { [name]: '3' } });
    expect(outside.lines.filter((line) => line.includes('unknown variable'))).toEqual([
      expect.stringContaining(`"unknown variable ${name} in the environment. Did you mean ${nearest}?"`),
    ]);
    expect(await maxParticipantsOf(outside)).toBe(10);
  });

  it('[D12] with a short name is named only in .env', async () => {
    const inFile = await start({ cwd: await folderWith('PROT=3\n') });
    expect(inFile.lines.join('\n')).toContain('"unknown variable PROT in .env. Did you mean PORT?"');
    const outside = await start({
      variables: { PROT: '3', LANG: 'C', LANGUAGE: 'en', HOSTNAME: 'h', NODE_OPTIONS: '' },
    });
    expect(outside.lines.join('\n')).not.toContain('unknown variable');
  });

  it('[D12] is also named when another value stops the start', async () => {
    const { lines, code } = await start({ cwd: await folderWith('TURN_URLS=turn:t\nTURN_SECRETS=hush\n') });
    expect(lines).toEqual([
      'unknown variable TURN_SECRETS in .env. Did you mean TURN_SECRET?',
      'TURN_SECRET: found nothing, expected something, because TURN_URLS is set',
    ]);
    expect(code).toBe(1);
  });

  it('[D12] gives no warning for known names and for names of other programs', async () => {
    const known = variableNames.map((name) => `${name}=\n`).join('');
    const other = ['DATABASE_URL', 'API_KEY', 'DEBUG', 'NPM_TOKEN', 'VITE_API_URL', 'LANG', 'TZ', 'USER', 'PATH'];
    const { lines, code } = await start({ cwd: await folderWith(known + other.map((name) => `${name}=x\n`).join('')) });
    expect(code).toBeUndefined();
    expect(lines.join('\n')).not.toContain('unknown variable');
  });
});

/** A user id without an entry in the list of users. */
const UNKNOWN_USER = 54_321;

describe.runIf(getuid?.() === 0)('a user without a home directory', () => {
  const homeless = { uid: UNKNOWN_USER, variables: { HOME: undefined as unknown as string } };

  it('[D12] can start the server', async () => {
    expect(await maxParticipantsOf(await start(homeless))).toBe(10);
  });

  it('[D12] gets one line with --https, unless STATE_DIR names a folder', async () => {
    const { lines, code } = await start({ ...homeless, args: ['--https'] });
    expect(lines).toEqual([expect.stringMatching(/no home directory\. Set STATE_DIR/)]);
    expect(code).toBe(1);
    const folder = await folderWith();
    await chown(folder, UNKNOWN_USER, UNKNOWN_USER);
    const named = await start({ ...homeless, args: ['--https', '--state-dir', join(folder, 'state')] });
    expect(named.code, named.lines.join('\n')).toBeUndefined();
  });
});
