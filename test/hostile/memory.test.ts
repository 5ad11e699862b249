// Attempts to fill the server's memory: readers that do not read, frames for nobody, packets that never become whole.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, vi } from 'vitest';
import { DEADLINE_MS, get, participant, refused, type Participant, type PeerWire } from '../helpers';
import {
  ask,
  EngineWire,
  evilPeer,
  from,
  nested,
  peerFence,
  prefix,
  readAgain,
  stopReading,
  TcpWire,
  writeRaw,
  type HttpQuestion,
} from './attackers';
import { besieged, type ServerUnderAttack } from './siege';

/** What an attack may cost, in bytes. */
const BOUND = 50e6;
const BIG = 60 * 1024;

/** Prepares an attack, and gives back how to carry it out. */
type Preparation = (server: ServerUnderAttack) => Promise<() => Promise<void>>;

/** Each attack gets a server of its own: what an earlier one left behind would hide what this one takes. */
function attack(what: string, prepare: Preparation): void {
  describe(what, () => {
    besieged()('takes less than 50 MB', async (server) => {
      await warmUp(server);
      const carryOut = await prepare(server);
      const before = await server.memory();
      await carryOut();
      const risen = (await server.memory()) - before;
      expect(risen, `${Math.round(risen / 1e6)} MB more`).toBeLessThan(BOUND);
    });
  });
}

/** Everything compiled, every buffer grown to its usual size. */
async function warmUp(server: ServerUnderAttack): Promise<void> {
  const wire = await evilPeer(server, 'warm-up');
  for (let round = 0; round < 15; round += 1) {
    for (let sent = 0; sent < 8; sent += 1) wire.send({ type: 'OFFER', dst: 'warm-up', payload: 'x'.repeat(BIG) });
    await peerFence(wire, 'warm-up');
  }
}

const aFewPeers = (server: ServerUnderAttack, count: number) =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const id = `evil-${randomUUID()}`;
      return { id, wire: await evilPeer(server, id) };
    }),
  );

describe('[R16] memory that a connection keeps', () => {
  // As text they are 1 MB, as objects in memory up to 30 MB.
  describe.each(['{}', '[]', '""', '{"":{}}'])('auth payloads of 1 MB, full of %s', (item) => {
    attack('on 20 connections', async (server) => {
      const wires = await Promise.all(Array.from({ length: 20 }, () => EngineWire.open(server)));
      const auth = `{"token":[${Array(Math.floor(1e6 / (item.length + 1)))
        .fill(item)
        .join()}]}`;
      return async () => {
        for (const wire of wires)
          for (const namespace of ['/', '/call']) {
            wire.send(`40${namespace},${auth}`);
            await wire.next(`44${prefix(namespace)}{"message":"The payload`);
          }
      };
    });
  });

  attack('auth payloads that are nested 500,000 levels deep', async (server) => {
    const wires = await Promise.all(Array.from({ length: 20 }, () => EngineWire.open(server)));
    return async () => {
      for (const wire of wires) {
        wire.send(`40{"token":${nested(500_000)}}`);
        await wire.next('44{"message":"The payload');
      }
    };
  });

  attack('packets of 1 MB that wait for their attachments', async (server) => {
    const wires = await Promise.all(Array.from({ length: 100 }, () => EngineWire.connect(server)));
    return async () => {
      for (const wire of wires) wire.send(`451-["x",{"_placeholder":true,"num":0},"${'x'.repeat(1_000_000)}"]`);
      await Promise.all(wires.map((wire) => wire.end()));
    };
  });
});

describe('[P4] a reader that does not read is cut off', () => {
  attack('as a PeerJS socket', async (server) => {
    const reader = await evilPeer(server, 'sleeper');
    const senders = await aFewPeers(server, 4);
    stopReading(reader);
    return async () => {
      for (const { wire } of senders)
        for (let sent = 0; sent < 300; sent += 1)
          wire.send({ type: 'OFFER', dst: 'sleeper', payload: 'x'.repeat(BIG) });
      await Promise.all(senders.map(({ wire, id }) => peerFence(wire, id)));
      // The senders are refused; the reader itself is cut off when it does not answer a ping.
      const isGone = async () => (await get(`${server.url}/api/call/peers/sleeper`)).status === 404;
      await vi.waitUntil(isGone, { interval: 200, timeout: DEADLINE_MS });
      readAgain(reader);
      await reader.end();
      // Somebody else may have the id now: nothing of the sleeper is left.
      await evilPeer(server, 'sleeper');
    };
  });

  attack('as a crowd of PeerJS sockets', async (server) => {
    const readers = await aFewPeers(server, 12);
    const senders = await aFewPeers(server, 4);
    for (const { wire } of readers) stopReading(wire);
    return async () => {
      for (const { wire } of senders)
        for (const { id } of readers)
          for (let sent = 0; sent < 30; sent += 1) wire.send({ type: 'OFFER', dst: id, payload: 'x'.repeat(BIG) });
      await Promise.all(senders.map(({ wire, id }) => peerFence(wire, id)));
    };
  });

  /** Signals to the sleeper, as many and as large as they may be. */
  async function signalTheSleeper(senders: Participant[]): Promise<void> {
    const signalOf = ({ meetingId, userId }: Participant) => ({
      meetingId,
      fromUserId: userId,
      toUserId: 'sleeper',
      signal: { sdp: 'x'.repeat(BIG) },
      signalType: 'offer' as const,
    });
    for (const sender of senders)
      for (let sent = 0; sent < 350; sent += 1) sender.wild.emit('call:signal', signalOf(sender));
    for (const sender of senders)
      expect(refused(await sender.ask('call:signal', signalOf(sender)))).toBe('RATE_LIMITED');
    for (const sender of senders)
      expect(await sender.next('call:peer-reconnecting')).toMatchObject({ userId: 'sleeper' });
  }

  const sendersIn = (server: ServerUnderAttack, meetingId: string) =>
    Promise.all(['a', 'b', 'c'].map((userId) => participant(server.url, { meetingId, userId }, from())));
  const JOIN = '["call:join",{"meetingId":"sleep","userId":"sleeper","peerId":"sleeper"}]';

  attack('as a Socket.IO socket', async (server) => {
    const wire = await EngineWire.connect(server, '/call');
    wire.send(`42/call,1${JOIN}`);
    await wire.next('43/call,1');
    const senders = await sendersIn(server, 'sleep');
    stopReading(wire);
    return async () => {
      await signalTheSleeper(senders);
      readAgain(wire);
      await wire.end();
    };
  });

  attack('as a Socket.IO socket that polls no more', async (server) => {
    const handshake = await ask(server, { path: '/socket.io/?EIO=4&transport=polling' });
    const { sid } = JSON.parse(handshake.text.slice(1)) as { sid: string };
    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
    const post = (body: string): HttpQuestion => ({ path, method: 'POST', body });
    await ask(server, post('40'));
    await ask(server, { path });
    await ask(server, post(`421${JOIN}`));
    const senders = await sendersIn(server, 'sleep');
    return async () => {
      await signalTheSleeper(senders);
      expect((await ask(server, { path })).status).toBe(400);
    };
  });

  attack('of the pongs to its pings, at the Socket.IO door', async (server) => {
    const wire = await EngineWire.connect(server);
    return () => pingWithoutReading(wire);
  });

  attack('of the pongs to its pings, at the PeerJS door', async (server) => {
    const wire = await evilPeer(server, 'pinger');
    return () => pingWithoutReading(wire);
  });

  /** Settles when the server has had a share of 30 MB of pings, or has had enough of them. */
  async function pingWithoutReading(wire: Pick<EngineWire, 'ws'>): Promise<void> {
    stopReading(wire);
    const ping = Buffer.alloc(125, 'x');
    for (let batch = 0; batch < 120 && wire.ws.readyState === wire.ws.OPEN; batch += 1) {
      for (let sent = 1; sent < 2000; sent += 1) wire.ws.ping(ping);
      // The write fails when the server has closed the connection, which is as good.
      await new Promise((resolve) => wire.ws.ping(ping, true, resolve));
    }
  }
});

describe('what waits for nobody', () => {
  attack('is limited in number and in bytes', async (server) => {
    const senders = await aFewPeers(server, 8);
    return async () => {
      for (const { wire } of senders) {
        for (let sent = 0; sent < 40; sent += 1)
          wire.send({ type: 'OFFER', dst: `absent${sent}`, payload: 'x'.repeat(BIG) });
        for (let sent = 0; sent < 1900; sent += 1) wire.send({ type: 'CANDIDATE', dst: `gone${sent}`, payload: sent });
      }
      await Promise.all(senders.map(({ wire, id }) => peerFence(wire, id)));
      // Who sent too much is told that it will not arrive.
      for (const { wire } of senders) expect((await wire.next('EXPIRE')).src).toMatch(/^(absent|gone)/);
    };
  });

  attack('is limited by what it costs, not by its length as text', async (server) => {
    const senders = await aFewPeers(server, 25);
    // 60 KiB as text, twenty times as much as objects.
    const expensive = `[${Array(20_000).fill('{}').join(',')}]`;
    return async () => {
      for (const { wire } of senders)
        for (let sent = 0; sent < 8; sent += 1) wire.ws.send(`{"type":"OFFER","dst":"absent","payload":${expensive}}`);
      await Promise.all(senders.map(({ wire, id }) => peerFence(wire, id)));
    };
  });

  attack('is limited by what it costs, also in the alphabets of the world', async (server) => {
    const senders = await aFewPeers(server, 36);
    return async () => {
      for (const { wire } of senders)
        for (let sent = 0; sent < 30; sent += 1)
          wire.send({ type: 'OFFER', dst: 'absent', payload: '語'.repeat(BIG / 3 - 100) });
      await Promise.all(senders.map(({ wire, id }) => peerFence(wire, id)));
    };
  });
});

describe('what is kept for a return', () => {
  attack('is limited by what it costs, not by its length as text', async (server) => {
    const calls: Participant[][] = [];
    for (let call = 0; call < 9; call += 1) {
      const joining = Array.from({ length: 10 }, (_, index) =>
        participant(
          server.url,
          { meetingId: `kept${call}`, userId: `u${index}`, peerId: `p-${call}-${index}` },
          from(),
        ),
      );
      calls.push(await Promise.all(joining));
    }
    return async () => {
      const expensive = Array.from({ length: 8000 }, () => ({}));
      for (const [sender, ...receivers] of calls)
        for (const { userId: toUserId } of receivers)
          for (let sent = 0; sent < 3; sent += 1)
            if (sender)
              await sender.ask('call:signal', {
                meetingId: sender.meetingId,
                fromUserId: 'u0',
                toUserId,
                signal: { expensive },
                signalType: 'offer',
              });
    };
  });
});

describe('what never becomes whole', () => {
  /** The first fragment of a text message, and the rest of it without an end: one masked byte each (RFC 6455, 5.4). */
  const fragments = Buffer.concat([
    Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x20]),
    ...Array.from({ length: 16_000 }, () => Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x20])),
  ]);
  const sendFragments = async (wires: (PeerWire | EngineWire)[]) => {
    for (const wire of wires) writeRaw(wire, fragments);
    await Promise.all(wires.map((wire) => wire.end()));
  };

  attack('[P3] PeerJS messages in endless fragments', async (server) => {
    const peers = await aFewPeers(server, 180);
    return () => sendFragments(peers.map(({ wire }) => wire));
  });

  attack('[P3] Engine.IO messages in endless fragments', async (server) => {
    const wires = await Promise.all(Array.from({ length: 180 }, () => EngineWire.connect(server)));
    return () => sendFragments(wires);
  });

  attack('attachments that wait for the last of them', async (server) => {
    const wires = await Promise.all(Array.from({ length: 10 }, () => EngineWire.connect(server)));
    return async () => {
      const placeholders = Array.from({ length: 10 }, (_, num) => `{"_placeholder":true,"num":${num}}`);
      const attachment = Buffer.alloc(1.4 * 1024 * 1024, 'x');
      for (const wire of wires) {
        wire.send(`4510-["call:mute",${placeholders.join(',')}]`);
        for (let sent = 1; sent < 9; sent += 1) wire.send(attachment);
        await new Promise((resolve) => wire.ws.send(attachment, resolve));
      }
      // What was written has arrived when a pong comes back, unless the connection is over.
      await Promise.all(wires.map((wire) => Promise.race([answered(wire), wire.end()])));
    };
  });

  const answered = ({ ws }: EngineWire) =>
    new Promise<void>((resolve) => {
      ws.once('pong', () => resolve());
      ws.ping('', true, () => undefined);
    });

  attack('thousands of connects in one breath', async (server) => {
    const wires = await Promise.all(Array.from({ length: 4 }, () => EngineWire.open(server)));
    return async () => {
      for (const wire of wires) for (let sent = 0; sent < 5000; sent += 1) wire.send('40');
      await Promise.all(wires.map((wire) => Promise.race([answered(wire), wire.end()])));
    };
  });
});

describe('[D13] pipelined requests', () => {
  attack('of connections that do not read', async (server) => {
    const wires = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const { socket } = new TcpWire(server);
        await once(socket, 'connect');
        return socket.pause();
      }),
    );
    return async () => {
      const flood = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1600);
      for (const socket of wires) socket.write(flood);
      const { status } = await ask(server, { path: '/health', localAddress: '127.0.0.1' });
      expect(status).toBe(200);
    };
  });
});

describe('[D20] rate limits', () => {
  besieged({ trustProxy: 1 })('of 60,000 addresses take less than 20 MB', async (server) => {
    const askFrom = async (first: number, count: number) => {
      const requests = Array.from({ length: count }, (_, index) => {
        const id = first + index;
        return `GET /api/call/config HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.18.${id >> 8}.${id & 255}\r\n\r\n`;
      });
      // A connection may have 100 requests waiting.
      for (let start = 0; start < count; start += 100) {
        const some = requests.slice(start, start + 100).join('');
        const text = await new TcpWire(server).send(some.replace(/\r\n\r\n$/, '\r\nConnection: close\r\n\r\n')).end();
        expect(text.split('HTTP/1.1 200').length - 1).toBe(100);
      }
    };
    await askFrom(0, 2000);
    const before = await server.memory();
    await askFrom(2000, 60_000);
    expect((await server.memory()) - before).toBeLessThan(20e6);
  });
});
