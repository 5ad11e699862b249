// The client of `back-call health`: asks the server of the same configuration whether it serves.

import { request, type IncomingMessage } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { isIPv6 } from 'node:net';
import { json } from 'node:stream/consumers';
import ipaddr from 'ipaddr.js';
import type { ProcessConfig } from '../config';
import type { Health } from '../protocol';

const PATH = '/health';
const TIMEOUT_MS = 5000;
const LOOPBACK = ['127.0.0.1', '::1'];
const SERVICE: Health['service'] = 'voice-call-server';
const REDIRECT = 'the server redirects';

type Scheme = 'http' | 'https';

/**
 * Resolves with the URL of a healthy server. Rejects with an `Error` whose message names each URL that was requested and
 * what failed, in one line each.
 */
export async function checkHealth({ host, port, tls }: Pick<ProcessConfig, 'host' | 'port' | 'tls'>): Promise<string> {
  if (port === 0) throw new Error('PORT is 0, so the port of the server is unknown. Set PORT to the port in its log.');
  const failures: string[] = [];
  for (const address of addressesOf(host)) {
    // A server with HTTPS redirects plain HTTP, for example when only its command line has `--https`.
    for (const scheme of tls ? (['https'] as const) : (['http', 'https'] as const)) {
      const url = `${scheme}://${isIPv6(address.replace(/%.*/, '')) ? `[${address}]` : address}:${port}${PATH}`;
      const failure = await failureOf(scheme, address, port);
      if (failure === undefined) return url;
      failures.push(`${url}: ${failure}`);
      if (failure !== REDIRECT) break;
    }
  }
  throw new Error(`${failures.join('\n')}\nSet PORT, HOST and HTTPS as for the server, or start it.`);
}

/** Returns the addresses at which a server with this `HOST` can be reached from its own machine. */
function addressesOf(host: string | undefined): string[] {
  // Without a host, Node.js listens on `::`, or on `0.0.0.0` where IPv6 is disabled.
  if (host === undefined) return LOOPBACK;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'unspecified' ? LOOPBACK : [host];
}

/** Resolves with what is wrong with a server; undefined for a healthy one. */
async function failureOf(scheme: Scheme, host: string, port: number): Promise<string | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const res = await get(scheme, host, port, signal);
    const { statusCode: status = 0 } = res;
    if (status >= 300 && status < 400) return REDIRECT;
    if (status !== 200) return `status ${status}`;
    const { service } = (await json(res).catch(() => ({}))) as Partial<Health>;
    return service === SERVICE ? undefined : 'another program answers';
  } catch (error) {
    return signal.aborted ? `no answer within ${TIMEOUT_MS} ms` : (error as Error).message;
  }
}

function get(scheme: Scheme, host: string, port: number, signal: AbortSignal): Promise<IncomingMessage> {
  const options = { host, port, path: PATH, agent: false, signal };
  return new Promise((resolve, reject) => {
    // The certificate is valid for the names that clients use, not for this address. The request contains no secrets.
    const req = scheme === 'https' ? requestSecurely({ ...options, rejectUnauthorized: false }) : request(options);
    req.on('response', resolve).on('error', reject).end();
  });
}
