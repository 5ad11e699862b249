// What is said when the process listens: where everything is, for people to read and for phones to look at.

import { renderUnicodeCompact } from 'uqr';
import { version } from '../package.json';
import { blockedPorts } from './blocked-ports';
import { DEMO_PATH, PEER_PATH, TRUST_PATH } from './doors';

export interface Place {
  isSecure: boolean;
  /** Names and addresses under which others find us, the best first; at least one. */
  hosts: [string, ...string[]];
  port: number;
}

export interface Greeting extends Place {
  hasDemo: boolean;
  /** Whether pages are to ask no STUN server, and phones are shown the way. */
  isLan: boolean;
  /** Of our own authority, if browsers have to be told of it. */
  fingerprint: string | undefined;
  /** Whether the terminal knows colors. */
  hasColors: boolean;
}

/** The address of our root by each of the hosts. */
export function originsOf({ isSecure, hosts, port }: Place): [string, ...string[]] {
  const [scheme, usualPort] = isSecure ? ['https', 443] : ['http', 80];
  const originOf = (host: string) => `${scheme}://${inUrl(host)}${port === usualPort ? '' : `:${port}`}`;
  const [first, ...others] = hosts;
  return [originOf(first), ...others.map(originOf)];
}

export function greet(greeting: Greeting): string {
  const { isSecure, hosts, port, hasDemo, isLan, fingerprint, hasColors } = greeting;
  const origins = originsOf(greeting);
  const [first, ...others] = hasDemo ? origins.map((origin) => origin + DEMO_PATH) : origins;
  const options = [
    `host: '${inUrl(hosts[0])}', port: ${port}, path: '${PEER_PATH}'`,
    ...(isSecure ? ['secure: true'] : []),
    ...(isLan ? ['config: { iceServers: [] }'] : []),
  ];
  const rows = [
    [hasDemo ? 'Demo' : 'Server', first],
    ...others.map((other) => ['', other]),
    ['PeerJS', `new Peer({ ${options.join(', ')} })`],
    ['Signaling', `io('${origins[0]}')`],
  ];
  if (fingerprint !== undefined) {
    // By plain HTTP: there is nothing yet by which HTTPS could be trusted.
    rows.push([
      'Trust',
      `http://${inUrl(hosts[0])}:${port}${TRUST_PATH} tells how to get rid of the browser's warning`,
    ]);
    rows.push(['', `SHA-256 ${fingerprint}`]);
  }
  const lines = rows.map(([title = '', text = '']) => `  ${title.padEnd(11)}${text}`);
  const picture = isLan ? ['', ...qrCode(origins[0], hasColors), `  ${origins[0]} for the camera of a phone`] : [];
  const warning = blockedPorts.has(port) ? ['', `  Browsers refuse port ${port}. Set PORT to another port.`] : [];
  return ['', `  back-call ${version}`, '', ...lines, ...warning, ...picture, '', ''].join('\n');
}

/** Light on dark, whatever the colors of the terminal are. */
function qrCode(text: string, hasColors: boolean): string[] {
  const lines = renderUnicodeCompact(text, { ecc: 'L', border: 2 }).split('\n');
  return lines.map((line) => (hasColors ? `  \u001b[97;40m${line}\u001b[0m` : `  ${line}`));
}

const inUrl = (host: string) => (host.includes(':') ? `[${host}]` : host);
