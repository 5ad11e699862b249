// Which origins the configuration accepts, and which `Origin` headers they match. Rule D1.

import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config';
import { originCheckOf } from '../../src/transport/origins';
import { Proxies } from '../../src/transport/proxies';

function isAllowed(configured: string, origin: string): boolean {
  const { corsOrigins } = loadConfig({ CORS_ORIGIN: configured });
  const check = originCheckOf(corsOrigins, new Proxies({}));
  return check({ headers: { origin, host: 'calls.example' }, socket: new Socket() } satisfies Partial<IncomingMessage>);
}

function refusal(configured: string): string {
  try {
    loadConfig({ CORS_ORIGIN: configured });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  throw new Error(`${configured} is accepted`);
}

describe('CORS_ORIGIN', () => {
  it.each([
    ['https://*.vercel.app', 'https://app.vercel.app'],
    ['https://*.vercel.app', 'https://my-app_2.vercel.app'],
    ['https://app-*.vercel.app', 'https://app-git-main-ada.vercel.app'],
    ['https://*-preview.vercel.app', 'https://a-preview.vercel.app'],
    ['https://pr-*-app.vercel.app', 'https://pr-7-app.vercel.app'],
    ['https://calls.*.example.com', 'https://calls.eu.example.com'],
    ['https://*.vercel.app:8443', 'https://app.vercel.app:8443'],
    ['https://*.vercel.app:443', 'https://app.vercel.app'],
    ['http://*.localhost:3000', 'http://tenant.localhost:3000'],
    ['HTTPS://*.Vercel.App/', 'https://app.vercel.app'],
    ['https://*.bücher.example', 'https://app.xn--bcher-kva.example'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['Capacitor://Localhost/', 'capacitor://localhost'],
    ['ionic://localhost', 'ionic://localhost'],
    ['tauri://localhost', 'tauri://localhost'],
    ['http://tauri.localhost', 'http://tauri.localhost'],
    ['app://.', 'app://.'],
    ['app://-', 'app://-'],
    ['chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'],
    ['moz-extension://0A1b-2c', 'moz-extension://0a1b-2c'],
    ['null', 'null'],
    ['Null', 'null'],
    ['file://', 'null'],
    ['file:///', 'null'],
    ['file://', 'file://'],
    ['null', 'file://'],
    ['*', 'https://anything.example'],
    ['*', 'null'],
    ['HTTPS://App.Example/', 'https://app.example'],
    ['https://app.example', 'HTTPS://APP.EXAMPLE'],
    ['https://app.example:443', 'https://app.example'],
    ['http://app.example:80/', 'http://app.example'],
    ['https://app.example:', 'https://app.example'],
    ['http://app.example:443', 'http://app.example:443'],
    ['https://app.example:08443', 'https://app.example:8443'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
    ['https://app。example', 'https://app.example'],
    ['http://[::1]:5173', 'http://[::1]:5173'],
    ['http://[0:0:0:0:0:0:0:1]:5173', 'http://[::1]:5173'],
    ['http://127.1:5173', 'http://127.0.0.1:5173'],
    ['https://other.example, https://*.vercel.app ,null', 'https://app.vercel.app'],
    ['https://back-call-wildcard.example', 'https://back-call-wildcard.example'],
  ])('[D1] %s matches %s', (configured, origin) => {
    expect(isAllowed(configured, origin)).toBe(true);
  });

  it.each([
    ['https://*.vercel.app', 'https://vercel.app'],
    ['https://*.vercel.app', 'https://.vercel.app'],
    ['https://*.vercel.app', 'https://a.b.vercel.app'],
    ['https://*.vercel.app', 'http://app.vercel.app'],
    ['https://*.vercel.app', 'https://app.vercel.app:8443'],
    ['https://*.vercel.app', 'https://app.vercel.app.evil.example'],
    ['https://*.vercel.app', 'https://appxvercel.app'],
    ['https://*.vercel.app', 'https://evil.example/.vercel.app'],
    ['https://*.vercel.app', 'https://evil.example#.vercel.app'],
    ['https://*.vercel.app', 'https://ada@app.vercel.app'],
    ['https://*.vercel.app', 'https://evil.example:1.vercel.app'],
    ['https://*.vercel.app', 'https://app.vercel.app/'],
    ['https://*.vercel.app', 'xhttps://app.vercel.app'],
    ['https://*.vercel.app', 'https://app.vercel.app\n'],
    ['https://*.vercel.app', 'https://*.vercel.app'],
    ['https://app-*.vercel.app', 'https://app-.vercel.app'],
    ['https://app-*.vercel.app', 'https://evil.vercel.app'],
    ['https://back-call-wildcard.example.com', 'https://any.example.com'],
    ['capacitor://localhost', 'ionic://localhost'],
    ['capacitor://localhost', 'http://localhost'],
    ['app://.', 'app://x'],
    ['app://.', 'null'],
    ['https://app.example', 'file://'],
    ['null', 'file://host'],
    ['https://app.example', 'null'],
    ['null', 'https://app.example'],
    ['null', ''],
    ['http://localhost', 'http://localhost:5173'],
  ])('[D1] %s does not match %j', (configured, origin) => {
    expect(isAllowed(configured, origin)).toBe(false);
  });

  it.each([
    ['app.example', 'with a scheme'],
    ['localhost:5173', 'with a scheme'],
    ['//app.example', 'with a scheme'],
    ['https:/app.example', 'with a scheme'],
    ['https:app.example', 'with a scheme'],
    ['https:\\\\app.example', 'with a scheme'],
    ['"https://app.example"', 'with a scheme'],
    ['*://app.example', 'with a scheme'],
    ['*.vercel.app', 'with a scheme'],
    ['data:text/html', 'with a scheme'],
    ['undefined', 'with a scheme'],
    ['htps://app.example', 'of a page'],
    ['httsp://app.example', 'of a page'],
    ['wss://app.example', 'of a page'],
    ['ws://localhost:5173', 'of a page'],
    ['ftp://app.example', 'of a page'],
    ['file:///home/ada/index.html', 'null or file://'],
    ['file://host', 'null or file://'],
    ['https://app.example/calls', 'without path'],
    ['https://app.example//', 'without path'],
    ['https://app.example/*', 'without path'],
    ['https://app.example?x=1', 'without path'],
    ['https://app.example#x', 'without path'],
    ['capacitor://localhost/index.html', 'without path'],
    ['https://ada@app.example', 'user name'],
    ['https://', 'with a host'],
    ['https:///app.example', 'with a host'],
    ['capacitor://', 'with a host'],
    ['https://app.example;https://b.example', 'with a host'],
    ['https://app.example https://b.example', 'commas'],
    ['https://app example', 'commas'],
    ['https://app.example:0', 'port from 1'],
    ['https://app.example:65536', 'port from 1'],
    ['https://app.example:-1', 'port from 1'],
    ['https://app.example:80:80', 'port from 1'],
    ['capacitor://localhost:99999', 'port from 1'],
    ['http://999.1.1.1', 'valid host'],
    ['http://[::1', 'valid host'],
    ['https://.vercel.app', 'empty labels'],
    ['https://app..example', 'empty labels'],
    ['https://*.*.vercel.app', 'one *'],
    ['https://**.vercel.app', 'one *'],
    ['https://app.example:*', 'in the port'],
    ['https://*', 'a domain after *'],
    ['https://*:8443', 'a domain after *'],
    ['https://*.', 'a domain after *'],
    ['https://*.app', 'a domain after *'],
    ['https://app.*', 'a domain after *'],
    ['https://app-*', 'a domain after *'],
    ['chrome-extension://*', 'a domain after *'],
    ['http://192.168.1.*', 'a domain after *'],
    ['http://192.168.*.*', 'one *'],
    ['https://b*ü.vercel.app', 'ASCII'],
    [',', 'a list of origins'],
  ])('[D11] %s stops the start: %s', (configured, expected) => {
    const message = refusal(configured);
    expect(message).toMatch(/^CORS_ORIGIN: found ".*", expected [^\n]+$/);
    expect(message).toContain(expected);
  });

  it('[D11] names the wrong origin of a list, without a password', () => {
    expect(refusal('https://a.example,https://ada:hush@b.example')).toBe(
      'CORS_ORIGIN: found "…@b.example", expected an origin without user name and password',
    );
    expect(refusal('https://ada:hu,sh@b.example')).toMatch(/^CORS_ORIGIN: found "…@b\.example", expected a valid host/);
  });
});
