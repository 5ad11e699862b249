// The command line, without a process.

import { describe, expect, it } from 'vitest';
import { explain, readCommandLine } from '../src/cli';
import { ConfigError, loadConfig, secretNames, variableNames, type VariableName } from '../src/config';

const help = readCommandLine(['--help']);

function complaint(...args: string[]): string {
  const line = readCommandLine(args);
  try {
    loadConfig(line.variables);
  } catch (error) {
    if (error instanceof ConfigError) return explain(error.complaints, line);
  }
  throw new Error('no complaint');
}

describe('the command line', () => {
  it('is environment under other names', () => {
    const args = ['start', '-p', '6000', '--host=127.0.0.1', '--lan', '--open', '--demo', 'off', '--cert', 'c.pem'];
    expect(readCommandLine(args).variables).toEqual({
      PORT: '6000',
      HOST: '127.0.0.1',
      LAN: 'on',
      OPEN: 'on',
      DEMO: 'off',
      TLS_CERT: 'c.pem',
    });
    expect(readCommandLine([]).variables).toEqual({});
  });

  it('has a flag for every variable but secrets, and tells of it', () => {
    const flagOf = (name: VariableName) => `--${name.toLowerCase().replace('tls_', '').replaceAll('_', '-')}`;
    const isSecret = (name: VariableName) => (secretNames as VariableName[]).includes(name);
    for (const name of variableNames)
      if (isSecret(name)) expect(help.answer).not.toContain(flagOf(name));
      else expect(help.answer).toMatch(new RegExp(`${flagOf(name)}\\b.*\\n`));
  });

  it('answers what is only asked', () => {
    expect(help).toMatchObject({ isRefusal: false, answer: expect.stringContaining('Usage: back-call') as string });
    expect(readCommandLine(['--version'])).toEqual({ isRefusal: false, answer: '0.1.0\n' });
  });

  it.each([
    [['--prot', '1'], "error: unknown option '--prot' (Did you mean --port?)\n"],
    [['--port'], "error: option '-p, --port <number>' argument missing\n"],
    [
      ['stop'],
      "error: command-argument value 'stop' is invalid for argument 'command'. Allowed choices are start, health.\n",
    ],
    [['start', 'now'], 'error: too many arguments. Expected 1 argument but got 2.\n'],
    [['--turn-secret', 'hush'], "error: unknown option '--turn-secret'\n"],
    [['--redis-url=redis://:hush@h'], "error: unknown option '--redis-url'\n"],
    [['-redis://:hush@h'], "error: unknown option '-redis'\n"],
    [
      ['redis://:hush@h'],
      "error: command-argument is invalid for argument 'command'. Allowed choices are start, health.\n",
    ],
    [
      ['TURN_SECRET=hush'],
      "error: command-argument is invalid for argument 'command'. Allowed choices are start, health.\n",
    ],
  ])('refuses %j in one line', (args, answer) => {
    expect(readCommandLine(args)).toEqual({ isRefusal: true, answer });
  });

  it('is checked as the environment is, and blamed by the names that were used', () => {
    expect(complaint('--port', '70000', '--demo', 'maybe')).toBe(
      '--port: found "70000", expected a whole number from 0 to 65535\n--demo: found "maybe", expected on or off',
    );
    expect(complaint('--cert', 'c.pem')).toBe('TLS_KEY: found nothing, expected something, because TLS_CERT is set');
  });
});
