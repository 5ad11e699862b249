// What trusted proxies say about a request: who sent it, and under which URL the client reached this server.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';
import type { Config } from '../config';

type Incoming = Pick<IncomingMessage, 'headers' | 'socket'>;

const DEFAULT_PORTS = { http: '80', https: '443' } as const;

/** No address is longer, zone id included. */
const MAX_ADDRESS_LENGTH = 64;

/** A path segment of RFC 3986 that is neither `.` nor `..`. */
const SEGMENT = /^(?!\.\.?$)[\w.~!$&'()*+;=:@%-]{1,64}$/;

/** A name or address, and perhaps a port. */
const HOST = /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i;

/** Reads the headers `X-Forwarded-*` of trusted proxies, and ignores them from everybody else. */
export class Proxies {
  readonly #trust: (address: string, hop: number) => boolean;
  readonly #publicUrl: URL | undefined;

  constructor({ trustProxy, publicUrl }: Pick<Config, 'trustProxy' | 'publicUrl'>) {
    this.#trust = typeof trustProxy === 'number' ? (_, hop) => hop < trustProxy : proxyAddr.compile(trustProxy ?? []);
    this.#publicUrl = publicUrl === undefined ? undefined : new URL(publicUrl);
  }

  /** Whether a connection from this address is the connection of a trusted proxy. */
  isProxy(remoteAddress: string | undefined): boolean {
    return this.#trust(remoteAddress ?? '', 0);
  }

  /** Returns the IP address of the client. An entry of `X-Forwarded-For` that is no address counts as its proxy. */
  clientAddressOf({ headers, socket }: Incoming): string {
    let address = socket.remoteAddress ?? '';
    for (const [hop, entry] of valuesOf(headers['x-forwarded-for']).reverse().entries()) {
      const next = this.#trust(address, hop) ? parseAddress(entry) : undefined;
      if (next === undefined) break;
      address = next;
    }
    return address;
  }

  /** Whether a page of this origin was served by this server. The scheme is not compared, only the host and the port. */
  isOwnOrigin(origin: URL, req: Incoming): boolean {
    if (origin.origin === this.#publicUrl?.origin) return true;
    if (!/^https?:$/.test(origin.protocol)) return false;
    const host = this.#hostOf(req);
    const port = this.#forwarded(req, 'x-forwarded-port');
    const scheme = schemeOf(origin);
    // A proxy may send the port that it listens on itself, behind another proxy. So the bare host is compared, too.
    return [host, port && !hasPort(host) ? `${host}:${port}` : host].some(
      (candidate) => urlOf(scheme, candidate)?.host === origin.host,
    );
  }

  /** Returns the URL of this server's root as the client sees it, ending with a slash; undefined without a valid host. */
  publicUrlOf(req: Incoming): URL | undefined {
    if (this.#publicUrl) return new URL(`${this.#publicUrl.origin}${this.prefixOf(req)}/`);
    const scheme = this.#schemeOf(req);
    const host = this.#hostOf(req);
    const port = this.#forwarded(req, 'x-forwarded-port');
    // Behind a proxy that terminates TLS, the next one often sends the port of its own plain HTTP.
    const isUsable = port && /^\d{1,5}$/.test(port) && !Object.values<string>(DEFAULT_PORTS).includes(port);
    return urlOf(scheme, isUsable && !hasPort(host) ? `${host}:${port}` : host, this.prefixOf(req));
  }

  /**
   * Returns the URL of this server's root by HTTPS, without a slash at its end, for a request by plain HTTP on the port of HTTPS;
   * undefined without a valid host.
   */
  secureUrlOf(req: Incoming): string | undefined {
    const host = this.#publicUrl?.host ?? this.#hostOf(req);
    return HOST.test(host) ? `https://${host}${this.prefixOf(req)}` : undefined;
  }

  /** Returns the path that a proxy removes in front of ours, without a slash at its end; empty for none. */
  prefixOf(req: Incoming): string {
    if (this.#publicUrl) return this.#publicUrl.pathname.replace(/\/$/, '');
    const prefixes = this.isProxy(req.socket.remoteAddress) ? valuesOf(req.headers['x-forwarded-prefix']) : [];
    const segments = prefixes.flatMap((prefix) => prefix.split('/')).filter((segment) => segment !== '');
    return segments.every((segment) => SEGMENT.test(segment)) ? segments.map((segment) => `/${segment}`).join('') : '';
  }

  #schemeOf(req: Incoming): keyof typeof DEFAULT_PORTS {
    const forwarded = this.#forwarded(req, 'x-forwarded-proto')?.toLowerCase();
    const isSecure = forwarded === undefined ? 'encrypted' in req.socket : /^(https|wss)$/.test(forwarded);
    return isSecure ? 'https' : 'http';
  }

  #hostOf(req: Incoming): string {
    return this.#forwarded(req, 'x-forwarded-host') ?? req.headers.host ?? '';
  }

  /** Returns the first value of a header, which the proxy nearest to the client wrote. */
  #forwarded({ headers, socket }: Incoming, name: string): string | undefined {
    return this.isProxy(socket.remoteAddress) ? valuesOf(headers[name])[0] : undefined;
  }
}

/** Returns the values of a comma-separated header. */
function valuesOf(header: string | string[] | undefined): string[] {
  const values = String(header ?? '').split(',');
  return values.map((value) => value.trim()).filter((value) => value !== '');
}

/** Parses an entry of `X-Forwarded-For`: an address, quoted or not, with a port or not. */
function parseAddress(entry: string): string | undefined {
  if (entry.length > MAX_ADDRESS_LENGTH) return undefined;
  const text = entry.replaceAll('"', '');
  const [, bracketed, dotted] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/.exec(text) ?? [];
  const address = bracketed ?? dotted ?? text;
  return isIP(address) ? address : undefined;
}

const schemeOf = ({ protocol }: URL) => (protocol === 'https:' ? 'https' : 'http');

const hasPort = (host: string) => /:\d+$/.test(host.replace(/^\[[^\]]*\]/, ''));

/** Returns the URL with its default port removed; undefined if the host is none. */
function urlOf(scheme: keyof typeof DEFAULT_PORTS, host: string, path = ''): URL | undefined {
  const text = `${scheme}://${host}${path}/`;
  return host !== '' && !/[\s/?#@\\]/.test(host) && URL.canParse(text) ? new URL(text) : undefined;
}
