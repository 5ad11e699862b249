// A LAN without internet on one machine: a network namespace for each host, joined by a bridge in one more.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, getuid, platform } from 'node:process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { onTestFinished, vi } from 'vitest';
import { DEADLINE_MS, before } from '../helpers';
import { needPrograms } from '../need';
import { pathOf } from './programs';

const run = promisify(execFile);

const NETWORK = '10.77.0';
/** Where names would be looked up: nowhere (RFC 5737). */
const NAME_SERVER = '192.0.2.53';

/** Why no such network can be made here; undefined if it can. */
export const obstacle =
  platform === 'linux' && getuid?.() === 0 ? undefined : 'network namespaces need root on Linux, as in CI';

if (obstacle === undefined) await needPrograms('ip', 'tcpdump', 'certutil');

/** Whatever is sent on a device and fits a filter, as tcpdump writes it. */
export interface Capture {
  /** Ends it, and gives the packets. */
  stop(): Promise<string[]>;
}

/** One machine on the LAN. */
export class Host {
  readonly address: string;
  readonly #namespace: string;

  constructor(namespace: string, address: string) {
    this.#namespace = namespace;
    this.address = address;
  }

  /** How to run a command there. */
  command(file: string, ...args: string[]): [file: string, ...args: string[]] {
    return [pathOf('ip'), 'netns', 'exec', this.#namespace, file, ...args];
  }

  /** A program of one file that runs `file` there with whatever it is given. */
  async wrapped(file: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'lan-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const wrapper = join(folder, 'run');
    await writeFile(wrapper, `#!/bin/sh\nexec ${this.command(file).join(' ')} "$@"\n`);
    await chmod(wrapper, 0o755);
    return wrapper;
  }

  /** Gives the host another address on the same LAN. */
  async moveTo(address: string): Promise<void> {
    await ip('-n', this.#namespace, 'address', 'flush', 'dev', 'lan', 'scope', 'global');
    await ip('-n', this.#namespace, 'address', 'add', `${address}/24`, 'dev', 'lan');
    // It went with the address.
    await ip('-n', this.#namespace, 'route', 'replace', 'default', 'dev', 'sink');
  }

  /** What it tries to send to anywhere outside of the LAN. */
  captureAttempts(): Promise<Capture> {
    return capture(this.command(pathOf('tcpdump'), '-Q', 'out', '-i', 'sink'));
  }
}

export class Lan {
  readonly hosts: Host[] = [];
  readonly #switch: string;

  private constructor(name: string) {
    this.#switch = name;
  }

  /** A LAN of so many hosts, gone when the test ends. */
  static async open(size: number): Promise<Lan> {
    const name = `lan-${randomBytes(3).toString('hex')}`;
    const lan = new Lan(name);
    await addNamespace(name);
    await ip('-n', name, 'link', 'add', 'bridge', 'type', 'bridge');
    await ip('-n', name, 'link', 'set', 'bridge', 'up');
    for (let number = 1; number <= size; number += 1) await lan.#addHost(`${name}-${number}`, number);
    return lan;
  }

  /** What goes over the bridge to anywhere else than to hosts of the LAN. */
  captureStrangers(): Promise<Capture> {
    const own = `dst net ${NETWORK}.0/24 or multicast or broadcast or arp or dst net fe80::/10`;
    const inSwitch = new Host(this.#switch, '');
    return capture(inSwitch.command(pathOf('tcpdump'), '-i', 'bridge'), `not (${own})`);
  }

  async #addHost(namespace: string, number: number): Promise<void> {
    const address = `${NETWORK}.${number}`;
    await addNamespace(namespace);
    const wire = async (device: string, end: string) => {
      const far = ['name', end, 'netns', this.#switch];
      await ip('link', 'add', device, 'netns', namespace, 'type', 'veth', 'peer', ...far);
      await ip('-n', this.#switch, 'link', 'set', end, 'up');
    };
    await wire('lan', `port${number}`);
    await ip('-n', this.#switch, 'link', 'set', `port${number}`, 'master', 'bridge');
    // A way out that leads nowhere: without any, nothing would be seen of who tries. It says nothing by itself.
    await wire('sink', `sink${number}`);
    await ip('-n', namespace, 'link', 'set', 'sink', 'arp', 'off', 'addrgenmode', 'none');
    for (const device of ['lo', 'lan', 'sink']) await ip('-n', namespace, 'link', 'set', device, 'up');
    const host = new Host(namespace, address);
    await host.moveTo(address);
    this.hosts.push(host);
  }
}

async function addNamespace(name: string): Promise<void> {
  await ip('netns', 'add', name);
  const settings = join('/etc/netns', name);
  onTestFinished(async () => {
    await ip('netns', 'delete', name);
    await rm(settings, { recursive: true });
  });
  // What runs in the namespace finds it as /etc/resolv.conf.
  await mkdir(settings, { recursive: true });
  await writeFile(join(settings, 'resolv.conf'), `nameserver ${NAME_SERVER}\n`);
}

const ip = (...args: string[]) => run(pathOf('ip'), args);

/** Settles when it captures. */
async function capture([file, ...args]: string[], filter = ''): Promise<Capture> {
  const child = spawn(file ?? '', [...args, '-n', '-l', '--immediate-mode', filter], { env: { PATH: env.PATH } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const packets: string[] = [];
  let account = '';
  createInterface(child.stdout).on('line', (line) => packets.push(line));
  child.stderr.on('data', (chunk: Buffer) => (account += chunk.toString()));
  await vi.waitUntil(() => account.includes('listening on'), { timeout: DEADLINE_MS });
  const ended = once(child, 'close');
  return {
    async stop() {
      child.kill('SIGINT');
      await before(ended, () => `the end of tcpdump, which said ${account}`);
      return packets.filter((line) => line !== '');
    },
  };
}
