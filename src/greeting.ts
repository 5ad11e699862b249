// What is said when the process listens: where everything is, for people to read and for phones to look at.

import { renderUnicodeCompact } from 'uqr';
import { version } from '../package.json';
import { blockedPorts } from './blocked-ports';
import { DEMO_PATH, PEER_PATH, SOCKET_PATH, TRUST_PATH } from './doors';

export interface Place {
  isSecure: boolean;
  /** Names and addresses under which others find us, the best first; at least one. */
  hosts: [string, ...string[]];
  port: number;
}

export interface Greeting extends Place {
  /** The URL under which clients reach this server, without a slash at its end, if it is configured. */
  publicUrl: string | undefined;
  /** The path of Socket.IO, below that URL. */
  socketPath: string;
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

/** The URLs of our root that clients use: the public URL if there is one, else one for each host. */
export function rootsOf({ publicUrl, ...place }: Place & Pick<Greeting, 'publicUrl'>): [string, ...string[]] {
  return publicUrl === undefined ? originsOf(place) : [publicUrl];
}

export function greet(greeting: Greeting): string {
  const { hosts, port, publicUrl, socketPath, hasDemo, isLan, fingerprint, hasColors } = greeting;
  const roots = rootsOf(greeting);
  const [first, ...others] = hasDemo ? roots.map((root) => root + DEMO_PATH) : roots;
  const server = publicUrl === undefined ? localServer(greeting) : serverAt(new URL(publicUrl));
  const options = [
    `host: '${server.host}', port: ${server.port}, path: '${server.prefix}${PEER_PATH}'`,
    ...(server.isSecure ? ['secure: true'] : []),
    ...(isLan ? ['config: { iceServers: [] }'] : []),
  ];
  const path = server.prefix + socketPath;
  const rows = [
    [hasDemo ? 'Demo' : 'Server', first],
    ...others.map((other) => ['', other]),
    ['PeerJS', `new Peer({ ${options.join(', ')} })`],
    ['Signaling', `io('${server.origin}'${path === SOCKET_PATH ? '' : `, { path: '${path}' }`})`],
  ];
  if (fingerprint !== undefined) {
    // By plain HTTP: there is nothing yet by which HTTPS could be trusted.
    rows.push([
      'Trust',
      `${publicUrl ?? `http://${inUrl(hosts[0])}:${port}`}${TRUST_PATH} tells how to get rid of the browser's warning`,
    ]);
    rows.push(['', `SHA-256 ${fingerprint}`]);
  }
  const lines = rows.map(([title = '', text = '']) => `  ${title.padEnd(11)}${text}`);
  const picture = isLan ? ['', ...qrCode(roots[0], hasColors), `  ${roots[0]} for the camera of a phone`] : [];
  const warning = blockedPorts.has(port) ? ['', `  Browsers refuse port ${port}. Set PORT to another port.`] : [];
  return ['', `  back-call ${version}`, '', ...lines, ...warning, ...picture, '', ''].join('\n');
}

/** The first of the hosts. It is not parsed, because a URL has no IPv6 zone. */
const localServer = (place: Place) => {
  const { isSecure, hosts, port } = place;
  return { origin: originsOf(place)[0], host: inUrl(hosts[0]), port, isSecure, prefix: '' };
};

const serverAt = ({ origin, hostname, port, protocol, pathname }: URL) => {
  const isSecure = protocol === 'https:';
  const prefix = pathname.replace(/\/$/, '');
  return { origin, host: hostname, port: Number(port) || (isSecure ? 443 : 80), isSecure, prefix };
};

/** Light on dark, whatever the colors of the terminal are. */
function qrCode(text: string, hasColors: boolean): string[] {
  const lines = renderUnicodeCompact(text, { ecc: 'L', border: 2 }).split('\n');
  return lines.map((line) => (hasColors ? `  \u001b[97;40m${line}\u001b[0m` : `  ${line}`));
}

const inUrl = (host: string) => (host.includes(':') ? `[${host}]` : host);
