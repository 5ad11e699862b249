// Anything at any time: people of three nodes join, leave, drop, come back elsewhere, mute and signal, and nodes die. At
// each quiet moment what all nodes say, and what everybody was told, is one and the same.

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { DEADLINE_MS, connect, cut, get, type Client } from './helpers';
import { processesOn, turnTo, type NodeProcess } from './nodes';
import { RedisServer } from './redis-server';

/** Seeds that once showed a mistake. */
const KEPT = [1, 288470335];
/** What is tried anew each time; SEED repeats one. */
const SEEDS = process.env.SEED ? [Number(process.env.SEED)] : [...KEPT, Date.now() % 2 ** 31];

const MEETINGS = ['red', 'blue'];
const CAPACITY = 4;
const PEOPLE = 9;
const ROUNDS = 6;
const STEPS = 12;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.end());

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Room {
  participants: number;
  users: { userId: string; isMuted: boolean; reconnecting: boolean }[];
}

async function roomOf(url: string, meetingId: string): Promise<Room> {
  const { body } = await get(`${url}/api/call/room/${meetingId}`);
  return (body.data as Room | undefined) ?? { participants: 0, users: [] };
}

/** Somebody with a plain Socket.IO client, who joins again when the connection was not recovered. */
class Person {
  readonly userId: string;
  readonly client: Client;
  node: NodeProcess;
  /** What this one believes: where it is, and who else. */
  meetingId: string | undefined;
  others = new Set<string>();
  readonly mistakes: string[] = [];
  #wanted: string | undefined;

  private constructor(userId: string, client: Client, node: NodeProcess) {
    this.userId = userId;
    this.client = client;
    this.node = node;
    const { socket } = client;
    socket.on('connect', () => {
      if (socket.recovered) return;
      this.meetingId = undefined;
      if (this.#wanted !== undefined) void this.join(this.#wanted);
    });
    socket.on('call:peers-list', ({ meetingId, participants }) => {
      this.meetingId = meetingId;
      this.others = new Set(participants.map((other) => other.userId));
    });
    socket.on('call:peer-joined', (other) => {
      if (other.userId === userId) this.mistakes.push('heard of its own coming');
      this.others.add(other.userId);
    });
    socket.on('call:peer-left', (other) => {
      if (!this.others.delete(other.userId)) this.mistakes.push(`${other.userId} left twice`);
    });
    socket.on('call:error', ({ code }) => {
      if (code === 'NOT_IN_CALL' || code === 'REPLACED') this.meetingId = undefined;
    });
  }

  static async at(node: NodeProcess, userId: string): Promise<Person> {
    // The client does not notice a node that dies amid the handshake, but by its timeout.
    const client = await connect(node.url, { reconnectionDelay: 5, reconnectionDelayMax: 50, timeout: 4000 });
    return new Person(userId, client, node);
  }

  /** Asks; an answer that is lost with the connection is none. */
  ask(event: string, payload: object): Promise<{ success: boolean; code?: string } | undefined> {
    const { socket } = this.client;
    if (!socket.connected) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      socket.once('disconnect', () => resolve(undefined));
      this.client.wild.emit(event, payload, resolve);
    });
  }

  async join(meetingId: string): Promise<void> {
    this.#wanted = meetingId;
    const answer = await this.ask('call:join', { meetingId, userId: this.userId, peerId: `peer-${this.userId}` });
    if (answer && !answer.success && !['UNAVAILABLE', 'RATE_LIMITED'].includes(answer.code ?? ''))
      this.#wanted = this.meetingId;
  }

  async leave(): Promise<void> {
    this.#wanted = undefined;
    const { meetingId, userId } = this;
    if (meetingId === undefined) return;
    const answer = await this.ask('call:leave', { meetingId, userId });
    if (answer) this.meetingId = undefined;
    else this.#wanted = meetingId;
  }

  /** Loses the connection, without a goodbye. */
  drop(): void {
    // One that is being made would never be made again.
    if (this.client.socket.connected) cut(this.client);
  }

  goTo(node: NodeProcess): void {
    this.node = node;
    turnTo(this.client, node.url);
  }
}

it.each(SEEDS)(
  '[N1] [N2] [N3] [S2] [S8] whatever happens, everybody agrees (SEED=%i)',
  { timeout: 240_000 },
  async (seed) => {
    const random = randomOf(seed);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
    const start = processesOn(redis, {
      MAX_PARTICIPANTS: String(CAPACITY),
      RECONNECT_GRACE_MS: '1500',
      NODE_LEASE_MS: '1000',
    });
    const nodes = [await start(), await start(), await start()];
    const people = await Promise.all(
      Array.from({ length: PEOPLE }, (_, index) => Person.at(nodes[index % 3] as NodeProcess, `user-${index}`)),
    );
    const log: string[] = [];

    const actions: Record<string, (person: Person) => unknown> = {
      join: (person) => person.join(pick(MEETINGS)),
      'join too': (person) => person.join(pick(MEETINGS)),
      leave: (person) => person.leave(),
      drop: (person) => {
        person.drop();
      },
      'drop, and come back elsewhere': (person) => {
        person.goTo(pick(nodes));
        person.drop();
      },
      'mute or unmute': (person) =>
        person.ask(pick(['call:mute', 'call:unmute']), { meetingId: person.meetingId, userId: person.userId }),
      signal: (person) => {
        const { meetingId, userId: fromUserId, others } = person;
        const parties = { meetingId, fromUserId, toUserId: pick([...others, 'nobody']) };
        return person.ask('call:signal', { ...parties, signal: { sdp: '' }, signalType: 'offer' });
      },
    };

    /** What is not so yet, or nothing. */
    const difference = async (): Promise<string | undefined> => {
      for (const meetingId of MEETINGS) {
        const rooms = await Promise.all(nodes.map(({ url }) => roomOf(url, meetingId)));
        for (const { participants, users } of rooms) {
          if (participants > CAPACITY) throw new Error(`${participants} in ${meetingId}`);
          if (users.some(({ reconnecting }) => reconnecting)) return 'somebody is away';
          if (users.length !== participants) return 'count and roster differ';
        }
        const names = rooms.map(({ users }) =>
          users
            .map(({ userId }) => userId)
            .sort()
            .join(),
        );
        if (new Set(names).size > 1) return `the nodes differ: ${names.join(' | ')}`;
        const believers = people.filter((person) => person.meetingId === meetingId);
        const present = new Set(rooms[0]?.users.map(({ userId }) => userId));
        for (const { userId, others } of believers.filter((person) => present.has(person.userId))) {
          const told = [...others, userId].sort().join();
          if (told !== names[0]) return `${userId} was told of ${told}, in ${meetingId} are ${names.join()}`;
        }
        const muted = rooms.map(({ users }) =>
          users
            .map((user) => `${user.userId} ${String(user.isMuted)}`)
            .sort()
            .join(),
        );
        if (new Set(muted).size > 1) return `the nodes differ: ${muted.join(' | ')}`;
      }
      const stats = await Promise.all(nodes.map(({ url }) => get(`${url}/api/call/stats`)));
      const counts = await Promise.all(MEETINGS.map((meetingId) => roomOf(nodes[0]?.url ?? '', meetingId)));
      // A seat is no ghost if its own connection can speak for it; who has none, can speak for nobody.
      for (const [index, meetingId] of MEETINGS.entries())
        for (const person of people) {
          const isSeated = counts[index]?.users.some(({ userId }) => userId === person.userId) ?? false;
          const answer = await person.ask('call:mute', { meetingId, userId: person.userId });
          if (answer?.success !== isSeated)
            return `${person.userId} speaks in ${meetingId}: ${String(answer?.success)}`;
        }
      const expected = {
        activeCalls: counts.filter(({ participants }) => participants > 0).length,
        totalUsersInCalls: counts.reduce((sum, { participants }) => sum + participants, 0),
      };
      for (const { body } of stats)
        for (const [name, count] of Object.entries(expected))
          if ((body.data as Record<string, number>)[name] !== count) return `${name} is not ${count}`;
      return undefined;
    };

    for (let round = 0; round < ROUNDS; round += 1) {
      for (let step = 0; step < STEPS; step += 1) {
        const acting = people.filter(() => random() < 0.4);
        await Promise.all(
          acting.map(async (person) => {
            const name = pick(Object.keys(actions));
            log.push(`${person.userId}: ${name}`);
            await actions[name]?.(person);
          }),
        );
      }
      if (random() < 0.5) {
        const index = Math.floor(random() * 3);
        const dead = nodes[index] as NodeProcess;
        log.push(`node ${index} dies`);
        const alive = nodes.filter((node) => node !== dead);
        for (const person of people.filter(({ node }) => node === dead)) person.goTo(pick(alive));
        await dead.server.end('SIGKILL');
        nodes[index] = await start();
      }
      let last: string | undefined = 'nothing looked at';
      await vi
        .waitUntil(async () => (last = await difference()) === undefined, { interval: 50, timeout: DEADLINE_MS })
        .catch(() => {
          throw new Error(`SEED=${seed}, round ${round}: ${last ?? ''}\n${log.slice(-60).join('\n')}`);
        });
      expect(people.flatMap(({ userId, mistakes }) => mistakes.map((mistake) => `${userId}: ${mistake}`))).toEqual([]);
    }
  },
);
