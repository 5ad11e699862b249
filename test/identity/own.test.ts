// An authority that is made once, and certificates of it. What they are worth, OpenSSL judges: Node's, in a handshake.

import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getuid, platform } from 'node:process';
import { checkServerIdentity, connect, createServer } from 'node:tls';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import { describe, expect, it, onTestFinished } from 'vitest';
import { issue } from '../../src/identity/authority';
import type { Hosts } from '../../src/identity/hosts';
import { IdentityError, stateFolder, type Credentials, type Identity } from '../../src/identity/index';
import { openOwnIdentity } from '../../src/identity/own';
import { readCredentials } from '../../src/identity/private-file';
import { listenOnLoopback } from '../free-port';

const NOW = Date.now();
const DAY = 86_400_000;
const HOME: Hosts = {
  names: ['desk-7.local', 'desk-7', 'localhost'],
  addresses: ['192.168.1.5', 'fd00::5', '127.0.0.1'],
};

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'state');
}

function open(folder: string, hosts = HOME, now = NOW): Promise<Identity> {
  return openOwnIdentity({ folder, hosts: () => hosts, clock: () => now });
}

/** The verdict of a client that trusts the authority alone and asks for this host: what is wrong, or undefined. */
async function verdict({ cert, key }: Credentials, ca: string | undefined, host: string): Promise<string | undefined> {
  const server = createServer({ cert, key });
  const port = await listenOnLoopback(server);
  // As a browser, which looks up a certificate for the host in its address bar.
  const options = { port, host: '127.0.0.1', ca };
  const client = connect({ ...options, checkServerIdentity: (_, peer) => checkServerIdentity(host, peer) });
  try {
    await once(client, 'secureConnect');
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Node has no name for what a constraint forbids.
    return code === 'UNSPECIFIED' ? message : code;
  } finally {
    client.destroy();
    server.close();
  }
}

/** An authority with a constraint to these names, or with none. */
async function plantedAuthority(names: string[]): Promise<Credentials> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const permitted = names.map((dNSName) => new GeneralSubtree({ base: new GeneralName({ dNSName }) }));
  const constraints = new NameConstraints({ permittedSubtrees: new GeneralSubtrees(permitted) });
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=planted',
    keys,
    signingAlgorithm: algorithm,
    notAfter: new Date(NOW + 3650 * DAY),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      ...(names.length > 0 ? [new x509.Extension(id_ce_nameConstraints, true, AsnConvert.serialize(constraints))] : []),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  const pem = (text: string) => `${text.trim()}\n`;
  return {
    cert: pem(certificate.toString('pem')),
    key: pem(x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag)),
  };
}

const authorityOf = ({ authority }: Identity) => authority?.cert ?? '';

describe('an identity of our own', () => {
  it('is trusted by who trusts its authority, at every name and address of this machine', async () => {
    const identity = await open(await emptyFolder());
    for (const host of [...HOME.names, ...HOME.addresses])
      expect([host, await verdict(identity.credentials, authorityOf(identity), host)]).toEqual([host, undefined]);
    expect(await verdict(identity.credentials, authorityOf(identity), 'bank.example')).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    expect(await verdict(identity.credentials, undefined, 'localhost')).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  it('has an authority that vouches for no web site, even if somebody has its key', async () => {
    const folder = await emptyFolder();
    const identity = await open(folder);
    const stolen = (await readCredentials(join(folder, 'authority.pem'))) as Credentials;
    for (const host of ['bank.example', 'local.example', 'studio'])
      expect(await verdict(await issue(stolen, [host], NOW), authorityOf(identity), host)).toBe(
        'permitted subtree violation',
      );
    const another = await issue(stolen, ['printer.local'], NOW);
    expect(await verdict(another, authorityOf(identity), 'printer.local')).toBeUndefined();
  });

  it('keeps authority and certificate, in files for their owner alone', async () => {
    const folder = await emptyFolder();
    const first = await open(folder);
    const second = await open(folder);
    expect(second.credentials).toEqual(first.credentials);
    expect(second.authority).toEqual(first.authority);
    expect((await readdir(folder)).sort()).toEqual(['authority.pem', 'server.pem']);
    if (platform === 'win32') return;
    const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    const paths = [folder, join(folder, 'authority.pem'), join(folder, 'server.pem')];
    expect(await Promise.all(paths.map(modeOf))).toEqual(['700', '600', '600']);

    // Copied from elsewhere, readable by everybody. The folder is the user's.
    for (const path of paths) await chmod(path, 0o755);
    await open(folder);
    expect(await Promise.all(paths.map(modeOf))).toEqual(['755', '600', '600']);
  });

  it.skipIf(platform === 'win32')('[D7] refuses what other users could have put there', async () => {
    const folder = await emptyFolder();
    const first = await open(folder);
    const file = join(folder, 'authority.pem');
    for (const [path, mode, before] of [
      [folder, 0o777, 0o700],
      [folder, 0o770, 0o700],
      [folder, 0o1777, 0o700],
      [dirname(folder), 0o777, 0o700],
      [file, 0o666, 0o600],
      [file, 0o620, 0o600],
    ] as const) {
      await chmod(path, mode);
      await expect(open(folder), `${path} ${mode.toString(8)}`).rejects.toThrow(/other users can write to .*chmod/);
      expect((await stat(path)).mode & 0o7777).toBe(mode);
      await chmod(path, before);
    }
    expect((await open(folder)).authority).toEqual(first.authority);

    const linked = `${folder}-linked`;
    await symlink(folder, linked);
    expect((await open(linked)).authority).toEqual(first.authority);
    await chmod(folder, 0o777);
    await expect(open(linked)).rejects.toThrow('other users can write to');
  });

  it.runIf(getuid?.() === 0)('[D7] refuses what belongs to another user', async () => {
    const folder = await emptyFolder();
    await open(folder);
    for (const path of [folder, join(folder, 'authority.pem')]) {
      await chown(path, 65_534, 65_534);
      await expect(open(folder)).rejects.toThrow('belongs to another user');
      await chown(path, 0, 0);
    }
    await open(folder);
  });

  it('[D7] refuses an authority that could vouch for web sites', async () => {
    const folder = await emptyFolder();
    const identity = await open(folder);
    const authority = (await readCredentials(join(folder, 'authority.pem'))) as Credentials;
    const planted = {
      'no authority': await issue(authority, ['localhost'], NOW),
      unconstrained: await plantedAuthority([]),
      'for top-level domains': await plantedAuthority(['localhost', 'com']),
      'for everything': await plantedAuthority(['']),
    };
    for (const [what, { cert, key }] of Object.entries(planted)) {
      await writeFile(join(folder, 'authority.pem'), key + cert);
      await expect(open(folder), what).rejects.toThrow(/authority\.pem is broken; .*: Error: It|: It/);
    }
    await writeFile(join(folder, 'authority.pem'), authority.key + authority.cert);
    expect((await open(folder)).authority).toEqual(identity.authority);
  });

  it('tells the certificate of its authority and the fingerprint of it, never the key', async () => {
    const identity = await open(await emptyFolder());
    expect(authorityOf(identity)).not.toContain('PRIVATE');
    expect(identity.authority?.fingerprint).toBe(new X509Certificate(authorityOf(identity)).fingerprint256);
    expect(identity.credentials.cert).not.toBe(authorityOf(identity));
  });

  it('gets another certificate by the same authority where this machine has another address', async () => {
    const folder = await emptyFolder();
    let hosts = HOME;
    const identity = await openOwnIdentity({ folder, hosts: () => hosts, clock: () => NOW });
    const { credentials, authority } = identity;
    expect(await identity.renew()).toBe(false);
    hosts = { ...HOME, addresses: ['10.1.2.3', '127.0.0.1'] };
    expect(await identity.renew()).toBe(true);
    expect(identity.authority).toEqual(authority);
    expect(identity.credentials.cert).not.toBe(credentials.cert);
    expect(await verdict(identity.credentials, authority?.cert, '10.1.2.3')).toBeUndefined();
    expect(await identity.renew()).toBe(false);
    // An address that is gone needs no other certificate: whoever passed a browser's warning would have to do it again.
    hosts = { ...HOME, addresses: ['127.0.0.1'] };
    expect(await identity.renew()).toBe(false);
    expect((await open(folder, hosts)).credentials).toEqual(identity.credentials);
  });

  it('gets another certificate near its end, and another authority before that would outlive it', async () => {
    const folder = await emptyFolder();
    const first = await open(folder);
    expect((await open(folder, HOME, NOW + 300 * DAY)).credentials).toEqual(first.credentials);
    const later = await open(folder, HOME, NOW + 340 * DAY);
    expect(later.credentials).not.toEqual(first.credentials);
    expect(later.authority).toEqual(first.authority);
    const muchLater = await open(folder, HOME, NOW + 3300 * DAY);
    expect(muchLater.authority).not.toEqual(first.authority);
    const [leaf, authority] = [muchLater.credentials.cert, authorityOf(muchLater)].map(
      (pem) => new X509Certificate(pem),
    );
    expect(leaf?.verify((authority as X509Certificate).publicKey)).toBe(true);
  });

  it('keeps its authority when the machine gets another name, and leaves out what that cannot vouch for', async () => {
    const folder = await emptyFolder();
    const first = await open(folder);
    const renamed = { ...HOME, names: ['studio.local', 'studio.example', 'studio', 'localhost'] };
    const identity = await open(folder, renamed);
    expect(identity.authority).toEqual(first.authority);
    expect(await verdict(identity.credentials, authorityOf(identity), 'studio.local')).toBeUndefined();
    expect(await verdict(identity.credentials, authorityOf(identity), 'studio.example')).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });

  it('is one and the same when several start for the first time at once', async () => {
    const folder = await emptyFolder();
    const identities = await Promise.all(Array.from({ length: 8 }, () => open(folder)));
    expect(new Set(identities.map(authorityOf)).size).toBe(1);
    for (const identity of identities)
      expect(await verdict(identity.credentials, authorityOf(identity), 'localhost')).toBeUndefined();
    expect((await readdir(folder)).sort()).toEqual(['authority.pem', 'server.pem']);
  });

  it('says in one line what is broken, and replaces no authority that others may trust', async () => {
    const folder = await emptyFolder();
    await open(folder);
    const file = join(folder, 'authority.pem');
    const text = await readFile(file, 'utf8');
    const broken = { half: text.slice(0, 300), empty: '', nonsense: text.replace(/(KEY-----\n).{8}/, '$1AAAAAAAA') };
    for (const [what, content] of Object.entries(broken)) {
      await writeFile(file, content);
      const error: unknown = await open(folder).catch((error: unknown) => error);
      expect(error, what).toBeInstanceOf(IdentityError);
      expect((error as Error).message, what).toMatch(
        /^\S*authority\.pem is broken; restore it, or remove it to make .+: .+$/,
      );
      expect(await readFile(file, 'utf8')).toBe(content);
    }
    await writeFile(file, text);
    await writeFile(join(folder, 'server.pem'), 'broken');
    const identity = await open(folder);
    expect(await verdict(identity.credentials, authorityOf(identity), 'localhost')).toBeUndefined();

    const occupied = join(folder, 'server.pem', 'state');
    await expect(open(occupied)).rejects.toThrow(/^cannot use the folder .*server\.pem\/state: ENOTDIR/);
  });
});

describe('the folder of state', () => {
  it('is where each system keeps such things', () => {
    expect(stateFolder({}, 'linux', () => '/home/ada')).toBe('/home/ada/.local/state/back-call');
    expect(stateFolder({ XDG_STATE_HOME: '/var/ada' }, 'linux', () => '/home/ada')).toBe('/var/ada/back-call');
    expect(stateFolder({}, 'darwin', () => '/Users/ada')).toBe('/Users/ada/Library/Application Support/back-call');
    expect(stateFolder({ LOCALAPPDATA: '/local' }, 'win32', () => '/ada')).toBe('/local/back-call');
  });
});
