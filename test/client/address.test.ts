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

it.each([
  ['ws://localhost:5000', 'http://localhost:5000/call', false],
  ['wss://calls.example', 'https://calls.example/call', true],
  ['WSS://calls.example/', 'https://calls.example/call', true],
  ['  https://calls.example\n', 'https://calls.example/call', true],
  ['https://ada:secret@calls.example/?a=b#c', 'https://calls.example/call', true],
  ['//calls.example', 'https://calls.example/call', true],
  [new URL('https://calls.example'), 'https://calls.example/call', true],
  [undefined, 'https://own.example/call', true],
])('[C16] %s is accepted', (url, namespace, secure) => {
  vi.stubGlobal('location', { href: 'https://own.example/app/page' });
  expect(addressOf(url)).toMatchObject({ namespace, socketPath: '/socket.io/', peer: { path: '/peerjs', secure } });
});

it.each([
  ['..', '/socket.io/'],
  ['.', '/calls/socket.io/'],
  ['../', '/socket.io/'],
  ['./node', '/calls/node/socket.io/'],
  ['/calls', '/calls/socket.io/'],
])('[C16] the path %s is on the own origin of the page', (url, socketPath) => {
  vi.stubGlobal('location', { href: 'https://own.example/calls/demo' });
  expect(addressOf(url)).toMatchObject({ namespace: 'https://own.example/call', socketPath });
});

it.each(['/call-socket/', 'call-socket', '//call-socket//'])('[D15] the path of Socket.IO %s', (socketPath) => {
  vi.stubGlobal('location', { href: 'https://own.example/' });
  expect(addressOf('https://calls.example', socketPath).socketPath).toBe('/call-socket/');
  expect(addressOf('https://calls.example/calls/', socketPath).socketPath).toBe('/calls/call-socket/');
});

it.each([
  ['localhost:5000'],
  ['calls.example'],
  ['192.0.2.1:5000'],
  ['calls'],
  ['.calls'],
  ['?a=b'],
  [''],
  [' '],
  ['http://'],
  ['http:calls.example'],
  ['https://calls.example:99999'],
  ['http://[::1'],
  ['ftp://calls.example'],
  ['wsx://calls.example'],
  ['javascript:alert(1)'],
  ['//'],
  [null],
  [5000],
  [{}],
  [Object.create(null)],
])('[C16] %j is refused with INVALID_URL', (url) => {
  vi.stubGlobal('location', { href: 'https://own.example/app/page' });
  expect(() => addressOf(url as string)).toThrow(expect.objectContaining({ code: 'INVALID_URL' }));
});

it.each(['file:///app/index.html', 'about:blank'])('[C16] a page at %s has to name the server', (href) => {
  vi.stubGlobal('location', { href });
  expect(() => addressOf()).toThrow(expect.objectContaining({ code: 'INVALID_URL' }));
  expect(addressOf('http://calls.example').namespace).toBe('http://calls.example/call');
});
