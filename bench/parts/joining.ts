// Sixty calls of ten that all begin in the same moment: how long until everybody knows everybody, and what it costs.

import { median, ratio } from '../figures';
import { connect, Crowd } from '../load/participants';
import type { Plan } from '../plan';
import { Subject, type ServerName } from '../subject';
import { fixed, printTable, spread } from '../table';

const CALLS = 60;
const SIZE = 10;
const SERVERS: ServerName[] = ['back-call', 'bare-socketio'];

export async function joining({ joinRounds, profiles }: Plan): Promise<void> {
  const measured = [];
  for (const name of SERVERS) {
    const subject = await Subject.start(name, profiles);
    const sockets = await Promise.all(Array.from({ length: CALLS * SIZE }, () => connect(subject)));
    const crowd = new Crowd(subject, sockets, SIZE);
    // Once unmeasured, as everywhere: the first time compiles.
    await crowd.join();
    await crowd.leave();
    measured.push({ subject, crowd, cpu: [] as number[], wall: [] as number[] });
  }

  for (let round = 0; round < joinRounds; round += 1)
    for (const { subject, crowd, cpu, wall } of measured) {
      const { cpuMs, wallMs } = await subject.measure(() => crowd.join());
      cpu.push(cpuMs);
      wall.push(wallMs);
      await crowd.leave();
    }
  for (const { subject } of measured) await subject.end();

  const base = measured[1] as (typeof measured)[number];
  const rows = measured.map(({ subject, cpu, wall }) => {
    const compared = ratio(cpu, base.cpu);
    return [
      subject.name,
      fixed(median(cpu), 0, 'ms'),
      fixed(compared.median, 2),
      subject === base.subject ? '' : spread(compared),
      fixed(median(wall), 0, 'ms'),
      fixed(ratio(wall, base.wall).median, 2),
    ];
  });
  const headings = ['', 'CPU', `÷ ${base.subject.name}`, 'middle half', 'wall', `÷ ${base.subject.name}`];
  printTable(
    `(c) ${CALLS * SIZE} join ${CALLS} calls of ${SIZE} at once, until everybody knows everybody`,
    headings,
    rows,
  );
}
