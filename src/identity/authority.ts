// A certificate authority for the local network: it signs the certificates of one machine, and can sign no others that matter.

import 'reflect-metadata';
import { X509Certificate as Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import ipaddr from 'ipaddr.js';
import type { Credentials } from './identity';

const DAY = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** Apple's systems take no server certificate that lasts longer than 825 days, whoever signed it. */
const LEAF_DAYS = 365;
const NEAR_THE_END_DAYS = 30;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * Makes an authority. Whoever installs it trusts whoever holds its key, so what it can vouch for is limited by name
 * constraints (RFC 5280, 4.2.1.10): `localhost`, names below `.local`, `ownNames`, and plain IP addresses, but no web
 * site's name. It signs servers alone, and no further authorities.
 */
export async function createAuthority(ownNames: string[], now: number): Promise<Credentials> {
  const keys = await generateKeys();
  const names = [...new Set(['localhost', 'local', ...ownNames.filter(isNoTopLevelDomain)])];
  const permitted = names.map((dNSName) => new GeneralSubtree({ base: new GeneralName({ dNSName }) }));
  const constraints = new NameConstraints({ permittedSubtrees: new GeneralSubtrees(permitted) });
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: ['back-call'] }, { CN: [`back-call CA of ${ownNames[0] ?? 'this machine'}`] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(now, AUTHORITY_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.Extension(id_ce_nameConstraints, true, AsnConvert.serialize(constraints)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return toPem(certificate, keys.privateKey);
}

/** Throws if a certificate is not one of {@link createAuthority}: it could vouch for web sites, or sign nothing. */
export function assertConstrained({ cert }: Credentials): void {
  const certificate = new x509.X509Certificate(cert);
  const { publicKey } = new Certificate(cert);
  const basic = certificate.getExtension(x509.BasicConstraintsExtension);
  if (!basic?.ca || basic.pathLength !== 0) throw new Error('It is no authority that signs servers only.');
  if (!new Certificate(cert).verify(publicKey)) throw new Error('It is not signed by itself.');
  if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('Its key is not of the curve P-256.');
  const usages = certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages;
  if (usages?.join() !== x509.ExtendedKeyUsage.serverAuth) throw new Error('It can sign more than servers.');
  const constraints = certificate.getExtension(id_ce_nameConstraints);
  const trees = constraints?.critical ? permittedNamesOf(constraints) : [];
  const isHarmless = (name: string) => name === 'localhost' || name === 'local' || isNoTopLevelDomain(name);
  if (trees.length === 0 || !trees.every(isHarmless)) throw new Error('Its name constraints allow web sites.');
}

/** Signs a certificate for a server with these names and IP addresses. */
export async function issue(authority: Credentials, hosts: string[], now: number): Promise<Credentials> {
  const keys = await generateKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ O: ['back-call'] }, { CN: [hosts[0] ?? 'localhost'] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    ...validity(now, LEAF_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.map(alternativeName)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return toPem(certificate, keys.privateKey);
}

/** Whether a certificate of this authority still does for these names and IP addresses, and for some time to come. */
export function suffices({ cert }: Credentials, authority: Credentials, hosts: string[], now: number): boolean {
  const [leaf, issuer] = [new Certificate(cert), new Certificate(authority.cert)];
  const covers = (host: string) => (ipaddr.isValid(host) ? leaf.checkIP(host) : leaf.checkHost(host)) !== undefined;
  return lastsLong(cert, now) && leaf.verify(issuer.publicKey) && hosts.every(covers);
}

/** Whether an authority outlives the certificates that it would sign now. */
export function outlivesItsOwn({ cert }: Credentials, now: number): boolean {
  return lastsLong(cert, now + LEAF_DAYS * DAY);
}

/** Those of the names for which the constraints of an authority let it vouch; any IP address. */
export function vouchableHosts({ cert }: Credentials, hosts: string[]): string[] {
  const extension = new x509.X509Certificate(cert).getExtension(id_ce_nameConstraints);
  if (!extension) return hosts;
  const trees = permittedNamesOf(extension);
  return hosts.filter(
    (host) => ipaddr.isValid(host) || trees.some((tree) => host === tree || host.endsWith(`.${tree}`)),
  );
}

/** Returns the DNS names below which an authority may vouch; empty texts for constraints of other kinds. */
function permittedNamesOf({ value }: x509.Extension): string[] {
  const { permittedSubtrees } = AsnConvert.parse(value, NameConstraints);
  return Array.from(permittedSubtrees ?? [], ({ base }) => base.dNSName ?? '');
}

/** SHA-256, as browsers and systems show it. */
export function fingerprintOf(cert: string): string {
  return new Certificate(cert).fingerprint256;
}

/** A constraint to `studio` would let it vouch for all of the web below `.studio`. Top-level domains are letters alone. */
const isNoTopLevelDomain = (name: string) => name.includes('.') || (/[\d-]/.test(name) && !name.startsWith('xn--'));

function lastsLong(cert: string, now: number): boolean {
  return Date.parse(new Certificate(cert).validTo) - now > NEAR_THE_END_DAYS * DAY;
}

/** From a day ago: without internet, clocks go as they like. */
function validity(now: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - DAY), notAfter: new Date(now + days * DAY) };
}

const alternativeName = (value: string): x509.JsonGeneralName => ({
  type: ipaddr.isValid(value) ? 'ip' : 'dns',
  value,
});

const generateKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function importKey(pem: string): Promise<CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  if (!der) throw new Error('There is no private key in it.');
  return crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

async function toPem(certificate: x509.X509Certificate, privateKey: CryptoKey): Promise<Credentials> {
  const der = await crypto.subtle.exportKey('pkcs8', privateKey);
  const inPem = (pem: string) => `${pem.trim()}\n`;
  return {
    cert: inPem(certificate.toString('pem')),
    key: inPem(x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag)),
  };
}
