// What is said when the process listens.

import jsQR from 'jsqr';
import { describe, expect, it } from 'vitest';
import { blockedPorts } from '../src/blocked-ports';
import { greet, type Greeting } from '../src/greeting';

const here: Greeting = {
  isSecure: false,
  hosts: ['localhost'],
  port: 5000,
  publicUrl: undefined,
  socketPath: '/socket.io/',
  hasDemo: true,
  isLan: false,
  fingerprint: undefined,
  hasColors: false,
};
const lan: Greeting = {
  ...here,
  isSecure: true,
  hosts: ['192.168.1.5', 'fd00::5', 'desk-7.local'],
  isLan: true,
  fingerprint: 'AB:CD',
};

/** What a camera reads off the blocks of a terminal, each of which is two modules. */
function scan(text: string): string | undefined {
  const rows = text.split('\n').flatMap((line) => /^ {2}([█▀].*)$/.exec(line)?.[1] ?? []);
  const scale = 4;
  const width = Math.max(...rows.map((row) => row.length));
  const isLight = (x: number, y: number) => {
    const block = rows[y >> 1]?.[x] ?? ' ';
    return block === '█' || block === (y % 2 === 0 ? '▀' : '▄');
  };
  const [wide, high] = [width * scale, rows.length * 2 * scale];
  const pixels = new Uint8ClampedArray(wide * high * 4).fill(255);
  for (let y = 0; y < high; y += 1)
    for (let x = 0; x < wide; x += 1)
      if (!isLight(Math.floor(x / scale), Math.floor(y / scale)))
        pixels.fill(0, (y * wide + x) * 4, (y * wide + x) * 4 + 3);
  return jsQR(pixels, wide, high)?.data;
}

describe('the greeting', () => {
  it('tells where demo, broker and signaling are', () => {
    const lines = greet(here).split('\n');
    expect(lines).toContain('  Demo       http://localhost:5000/demo/');
    expect(lines).toContain("  PeerJS     new Peer({ host: 'localhost', port: 5000, path: '/peerjs' })");
    expect(lines).toContain("  Signaling  io('http://localhost:5000')");
    expect(greet(here)).not.toMatch(/Trust|█/);
    expect(greet({ ...here, hasDemo: false })).toContain('  Server     http://localhost:5000\n');
    expect(greet({ ...here, port: 80 })).toContain("io('http://localhost')");
  });

  it('[D14] has the path prefix of PUBLIC_URL, and another path of Socket.IO, in all it gives out', () => {
    for (const place of [here, lan]) {
      const text = greet({ ...place, publicUrl: 'https://example.com/calls' });
      const lines = text.split('\n');
      expect(lines).toContain('  Demo       https://example.com/calls/demo/');
      expect(text).toContain("new Peer({ host: 'example.com', port: 443, path: '/calls/peerjs', secure: true");
      expect(lines).toContain("  Signaling  io('https://example.com', { path: '/calls/socket.io/' })");
      expect(text).not.toMatch(/localhost|192\.168|5000/);
    }
    const text = greet({ ...lan, publicUrl: 'https://example.com/calls' });
    expect(text).toContain('https://example.com/calls/trust ');
    expect(scan(text)).toBe('https://example.com/calls');
    expect(greet({ ...here, publicUrl: 'http://example.com:8080', socketPath: '/s/' })).toContain(
      "host: 'example.com', port: 8080, path: '/peerjs' })\n  Signaling  io('http://example.com:8080', { path: '/s/' })\n",
    );
  });

  it('tells every address on a LAN, and how to be trusted there', () => {
    const text = greet(lan);
    for (const host of ['192.168.1.5', '[fd00::5]', 'desk-7.local'])
      expect(text).toContain(`https://${host}:5000/demo/\n`);
    expect(text).toContain(
      "host: '192.168.1.5', port: 5000, path: '/peerjs', secure: true, config: { iceServers: [] } })",
    );
    expect(text).toContain('http://192.168.1.5:5000/trust ');
    expect(text).toContain('SHA-256 AB:CD');
  });

  it('shows phones the way', () => {
    expect(scan(greet(lan))).toBe('https://192.168.1.5:5000');
    // eslint-disable-next-line no-control-regex
    expect(scan(greet({ ...lan, hasColors: true }).replaceAll(/\u001b\[[\d;]*m/g, ''))).toBe(
      'https://192.168.1.5:5000',
    );
  });

  it('warns about a port that browsers refuse', () => {
    expect(greet({ ...here, port: 6000 })).toContain('  Browsers refuse port 6000. Set PORT to another port.\n');
    for (const port of [80, 443, 5000, 8080]) expect(greet({ ...here, port })).not.toContain('refuse');
  });

  it('warns about every port that fetch() refuses', async () => {
    for (const port of blockedPorts)
      await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ cause: { message: 'bad port' } });
  });
});
