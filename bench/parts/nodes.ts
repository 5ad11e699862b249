// Several nodes on one Redis: what it costs that two who speak are on different ones, and what Redis has to do.

import { median, quantile, ratio } from '../figures';
import { openIdle } from '../load/idle';
import { flood, oneByOne, PAIRS, type Lane } from '../load/lanes';
import { Crowd, signalLanes, visits, type Nodes, type Visit } from '../load/participants';
import { peerLanes } from '../load/peers';
import { SharedRedis } from '../load/redis';
import type { Plan } from '../plan';
import { Subject, type ServerName } from '../subject';
import { fixed, printTable, spread } from '../table';

/** A service: one node or two, with a Redis or without. */
interface Setup {
  name: string;
  server: ServerName;
  nodes: 1 | 2;
  hasRedis: boolean;
}

/** What all others are compared to. */
const IN_MEMORY: Setup = { name: 'one node, in memory', server: 'back-call', nodes: 1, hasRedis: false };
const SAME_NODE: Setup = { name: 'one node, with Redis', server: 'back-call', nodes: 1, hasRedis: true };
const CROSS_NODE: Setup = { name: 'from node to node', server: 'back-call', nodes: 2, hasRedis: true };
const OURS = [IN_MEMORY, SAME_NODE, CROSS_NODE];
const BARE: Setup[] = [
  { name: 'bare, by redis-adapter', server: 'bare-socketio-pubsub', nodes: 2, hasRedis: true },
  { name: 'bare, by redis-streams-adapter', server: 'bare-socketio-streams', nodes: 2, hasRedis: true },
];

const CALL_SIZE = 10;
const CALLS = 8;

export async function nodes(plan: Plan): Promise<void> {
  await relaying(plan);
  await visiting(plan);
  await size(plan);
}

/** The nodes of a setup; those of one setup know no others. */
async function start({ name, server, nodes, hasRedis }: Setup, redis: SharedRedis, plan: Plan): Promise<Nodes> {
  const shared = hasRedis ? { url: redis.url, prefix: name.replaceAll(' ', '-') } : undefined;
  const first = await Subject.start(server, plan.profiles, shared);
  return nodes === 1 ? [first] : [first, await Subject.start(server, plan.profiles, shared)];
}

/** What a setup was seen to need. */
class Ledger {
  readonly name: string;
  readonly #nodes: Nodes;
  readonly #redis: SharedRedis | undefined;
  /** Microseconds of CPU time for one piece of work, by round: of all nodes together, and of Redis. */
  readonly nodeCosts: number[] = [];
  readonly redisCosts: number[] = [];

  constructor({ name, hasRedis }: Setup, nodes: Nodes, redis: SharedRedis) {
    this.name = name;
    this.#nodes = nodes;
    this.#redis = hasRedis ? redis : undefined;
  }

  /** Does `count` pieces of work, and notes what one of them cost. */
  async note(count: number, work: () => Promise<unknown>): Promise<void> {
    const before = await this.#cpu();
    if (this.#redis) this.redisCosts.push((await this.#redis.measure(work)) / count);
    else await work();
    this.nodeCosts.push(((await this.#cpu()) - before) / count);
  }

  /** As cells of a table. */
  costs(base: Ledger, digits: number): string[] {
    const compared = ratio(this.nodeCosts, base.nodeCosts);
    return [
      fixed(median(this.nodeCosts), digits, 'µs'),
      fixed(compared.median, 2),
      this === base ? '' : spread(compared),
      // What is less than its idling differs is nothing.
      this.#redis ? fixed(Math.max(median(this.redisCosts), 0), digits, 'µs') : '',
    ];
  }

  async #cpu(): Promise<number> {
    const usages = await Promise.all(this.#nodes.map((node) => node.usage()));
    return usages.reduce((sum, { cpu }) => sum + cpu, 0);
  }
}

interface Relay {
  ledger: Ledger;
  lanes: Lane[];
  /** Milliseconds under way, by round. */
  times: number[][];
}

/** Signals and PeerJS frames, all in the same rounds. */
async function relaying(plan: Plan): Promise<void> {
  const redis = await SharedRedis.start();
  const started: Nodes[] = [];
  const [signals, frames]: [Relay[], Relay[]] = [[], []];
  for (const setup of [...OURS, ...BARE]) {
    const nodes = await start(setup, redis, plan);
    started.push(nodes);
    const open = (lanes: Lane[]): Relay => ({ ledger: new Ledger(setup, nodes, redis), lanes, times: [] });
    signals.push(open(await signalLanes(nodes, PAIRS)));
    if (!OURS.includes(setup)) continue;
    const doors = nodes.map((node) => node.doors.peerjs);
    frames.push(open(await peerLanes(doors, PAIRS)));
  }
  const all = [...signals, ...frames];
  for (const { lanes } of all) await flood(lanes, plan.warmUp);
  await redis.settle();

  for (let round = 0; round < plan.rounds; round += 1) {
    for (const { ledger, lanes } of all) await ledger.note(plan.messages, () => flood(lanes, plan.messages));
    for (const { lanes, times } of all) times.push(await oneByOne(lanes[0] as Lane, plan.pings));
  }
  await end(started, redis);

  printRelays('(i) call:signal among several nodes', signals);
  printRelays('(i) PeerJS frames among several nodes', frames);
}

function printRelays(title: string, relays: readonly Relay[]): void {
  const [base] = relays as [Relay];
  const middles = ({ times }: Relay) => times.map(median);
  const rows = relays.map((relay) => {
    const compared = ratio(middles(relay), middles(base));
    return [
      relay.ledger.name,
      ...relay.ledger.costs(base.ledger, 1),
      fixed(quantile(relay.times.flat(), 0.5), 3, 'ms'),
      fixed(compared.median, 2),
      fixed(quantile(relay.times.flat(), 0.99), 3, 'ms'),
    ];
  });
  const headings = ['', 'CPU/message', '÷ in memory', 'middle half', 'on Redis', 'p50', '÷ in memory', 'p99'];
  printTable(title, headings, rows);
}

/** Somebody enters a call of ten and leaves it. */
async function visiting(plan: Plan): Promise<void> {
  const redis = await SharedRedis.start();
  const started: Nodes[] = [];
  const measured: { ledger: Ledger; guests: Visit[] }[] = [];
  for (const setup of OURS) {
    const nodes = await start(setup, redis, plan);
    started.push(nodes);
    const guests = await visits(nodes, CALLS, CALL_SIZE);
    measured.push({ ledger: new Ledger(setup, nodes, redis), guests });
    await visitAll(guests, plan.visits);
  }
  await redis.settle();

  for (let round = 0; round < plan.joinRounds; round += 1)
    for (const { ledger, guests } of measured) await ledger.note(plan.visits, () => visitAll(guests, plan.visits));
  await end(started, redis);

  const [base] = measured as [(typeof measured)[number]];
  const rows = measured.map(({ ledger }) => [ledger.name, ...ledger.costs(base.ledger, 0)]);
  const headings = ['', 'CPU/join and leave', '÷ in memory', 'middle half', 'on Redis'];
  printTable(`(i) the last of ${CALL_SIZE} joins and leaves a call`, headings, rows);
}

/** So many visits in all, one after the other in each call. */
async function visitAll(guests: readonly Visit[], count: number): Promise<void> {
  await Promise.all(
    guests.map(async (visit) => {
      for (let made = 0; made < count / guests.length; made += 1) await visit();
    }),
  );
}

/** What Redis remembers of each participant, and what the nodes do together: its connections, and the mirrors of its seat. */
async function size(plan: Plan): Promise<void> {
  const count = plan.sharedParticipants;
  const redis = await SharedRedis.start();
  const nodes = await start(CROSS_NODE, redis, plan);
  // Once unmeasured: the nodes tell Redis its scripts when they use them first.
  const first = (await openIdle(nodes, 2, 'first')).map(({ socket }) => new Crowd(nodes[0], [socket], 1));
  for (const crowd of first) {
    await crowd.join();
    await crowd.leave();
  }
  const usedByNodes = async () => {
    const usages = await Promise.all(nodes.map((node) => node.settledUsage()));
    return usages.reduce((sum, { rss }) => sum + rss, 0);
  };
  const before = { redis: await redis.memory(), nodes: await usedByNodes() };
  // By the names that a crowd gives its peers.
  const participants = await openIdle(nodes, count, 'peer-user');
  const sockets = participants.map(({ socket }) => socket);
  await new Crowd(nodes[0], sockets, CALL_SIZE).join();
  const perParticipant = (bytes: number) => fixed(bytes / count / 1000, 2, 'kB');
  const rows = [
    ['memory of Redis', perParticipant((await redis.memory()) - before.redis)],
    ['resident memory of both nodes', perParticipant((await usedByNodes()) - before.nodes)],
  ];
  await end([nodes], redis);
  const title = `(i) memory, at ${count} participants in calls of ${CALL_SIZE} on two nodes`;
  printTable(title, ['', 'per participant'], rows);
}

async function end(started: readonly Nodes[], redis: SharedRedis): Promise<void> {
  for (const node of started.flat()) await node.end();
  await redis.end();
}
