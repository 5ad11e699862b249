// Relays side by side: what one message costs the server, and how long it is under way.

import { quantile, median, ratio } from '../figures';
import { flood, oneByOne, type Lane } from '../load/lanes';
import type { Plan } from '../plan';
import { Subject, type ServerName } from '../subject';
import { fixed, printTable, spread, verdict } from '../table';

export interface Relay {
  title: string;
  /** The last one is what the others are compared to. */
  servers: ServerName[];
  openLanes: (subject: Subject) => Promise<Lane[]>;
  /** How many times the CPU time of the last server ours may need. */
  aim: number;
}

interface Measured {
  subject: Subject;
  lanes: Lane[];
  /** Microseconds of CPU time per message, by round. */
  costs: number[];
  /** Milliseconds under way. */
  times: number[];
}

export async function compareRelays({ title, servers, openLanes, aim }: Relay, plan: Plan): Promise<void> {
  const measured: Measured[] = [];
  for (const name of servers) {
    const subject = await Subject.start(name, plan.profiles);
    const lanes = await openLanes(subject);
    measured.push({ subject, lanes, costs: [], times: [] });
    await flood(lanes, plan.warmUp);
  }

  for (let round = 0; round < plan.rounds; round += 1) {
    for (const { subject, lanes, costs } of measured) {
      const { cpuMs } = await subject.measure(() => flood(lanes, plan.messages));
      costs.push((cpuMs * 1000) / plan.messages);
    }
    for (const { lanes, times } of measured) times.push(...(await oneByOne(lanes[0] as Lane, plan.pings)));
  }
  for (const { subject } of measured) await subject.end();

  const base = measured.at(-1) as Measured;
  const rows = measured.map(({ subject, costs, times }) => {
    const compared = ratio(costs, base.costs);
    return [
      subject.name,
      fixed(median(costs), 1, 'µs'),
      fixed(compared.median, 2),
      subject === base.subject ? '' : spread(compared),
      fixed(quantile(times, 0.5), 3, 'ms'),
      fixed(quantile(times, 0.99), 3, 'ms'),
      subject.name === 'back-call' ? verdict(compared.median, aim, 2) : '',
    ];
  });
  const headings = ['', 'CPU/message', `÷ ${base.subject.name}`, 'middle half', 'p50', 'p99', 'aim'];
  printTable(title, headings, rows);
}
