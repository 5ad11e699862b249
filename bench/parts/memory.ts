// What a participant who says nothing takes of the server's memory: one Socket.IO and one PeerJS connection.

import { median } from '../figures';
import { BATCH, openIdle } from '../load/idle';
import { Crowd } from '../load/participants';
import type { Plan } from '../plan';
import { Subject, type ServerName } from '../subject';
import { fixed, printTable, verdict } from '../table';

const SERVERS: ServerName[] = ['back-call', 'bare-pair'];
const AIM_KB = 35;
const CALL_SIZE = 10;

interface PerParticipant {
  connected: number;
  inCalls: number;
}

export async function memory(plan: Plan): Promise<void> {
  const measured = SERVERS.map((name) => ({ name, figures: [] as PerParticipant[] }));
  // Each time in a new process: what the allocator gives back differs from one to the next.
  for (let round = 0; round < plan.memoryRounds; round += 1)
    for (const { name, figures } of measured) figures.push(await measure(name, plan));

  const rows = measured.map(({ name, figures }) => {
    const inCalls = figures.map((figure) => figure.inCalls);
    return [
      name,
      fixed(median(figures.map((figure) => figure.connected)), 1, 'kB'),
      fixed(median(inCalls), 1, 'kB'),
      `${fixed(Math.min(...inCalls), 1)}–${fixed(Math.max(...inCalls), 1)}`,
      name === 'back-call' ? verdict(median(inCalls), AIM_KB, 1, 'kB') : '',
    ];
  });
  const title = `(d) resident memory per idle participant, at ${plan.idleParticipants}`;
  printTable(title, ['', 'connected', `in calls of ${CALL_SIZE}`, 'all rounds', 'aim'], rows);
}

async function measure(name: ServerName, { idleParticipants, profiles }: Plan): Promise<PerParticipant> {
  const subject = await Subject.start(name, profiles);
  // What the first connections bring into memory for good (code, pools) belongs to the server, not to them.
  for (const { socket, peer } of await openIdle([subject], BATCH, 'first')) {
    socket.disconnect();
    peer.close();
  }

  const before = await subject.settledUsage();
  const perParticipant = async () => ((await subject.settledUsage()).rss - before.rss) / idleParticipants / 1000;
  const participants = await openIdle([subject], idleParticipants, 'idle');
  const connected = await perParticipant();
  const sockets = participants.map(({ socket }) => socket);
  await new Crowd(subject, sockets, CALL_SIZE).join();
  const inCalls = await perParticipant();
  await subject.end();
  return { connected, inCalls };
}
