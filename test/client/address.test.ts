// Where the doors of a call server are, for a page.

import { afterEach, expect, it, vi } from 'vitest';
import { addressOf } from '../../src/client/address';

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['http://localhost:5000', 'http://localhost:5000/call', '/socket.io/', 'localhost', 5000, '/peerjs', false],
  ['https://calls.example', 'https://calls.example/call', '/socket.io/', 'calls.example', 443, '/peerjs', true],
  ['http://calls.example/', 'http://calls.example/call', '/socket.io/', 'calls.example', 80, '/peerjs', false],
  [
    'https://app.example/calls/',
    'https://app.example/call',
    '/calls/socket.io/',
    'app.example',
    443,
    '/calls/peerjs',
    true,
  ],
  ['/', 'https://own.example:8443/call', '/socket.io/', 'own.example', 8443, '/peerjs', true],
])('%s', (url, namespace, socketPath, host, port, path, secure) => {
  vi.stubGlobal('location', { href: 'https://own.example:8443/app/page?x=1' });
  expect(addressOf(url)).toEqual({ namespace, socketPath, peer: { host, port, path, secure, key: 'peerjs' } });
});

it('is nowhere for what is no URL', () => {
  vi.stubGlobal('location', { href: 'https://own.example/' });
  expect(() => addressOf('http://')).toThrow(TypeError);
});
