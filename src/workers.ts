// Whether this process is one of several workers that share a port: node:cluster, or PM2 in cluster mode.

import cluster from 'node:cluster';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Several workers without Redis. */
export class WorkersError extends Error {
  constructor() {
    super(
      'Several workers (node:cluster, PM2 cluster mode) need REDIS_URL: without Redis, each worker has calls of its own, and ' +
        'participants of one call do not meet. Set REDIS_URL, and use sticky sessions for long polling, or run one worker.',
    );
    this.name = 'WorkersError';
  }
}

/** How long a refused worker stays, in milliseconds, so that workers that start at the same time find it and refuse, too. */
const STAY_MS = 1000;

/** Throws a {@link WorkersError} if this process is one of several workers. */
export function requireSingleWorker(): void {
  if (!isOneOfSeveral(process.env)) return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STAY_MS);
  throw new WorkersError();
}

/** PM2 sets these variables in its processes. */
interface Pm2Environment {
  pm_id?: string;
  exec_mode?: string;
  instances?: string;
  NODE_APP_INSTANCE?: string;
}

function isOneOfSeveral({ pm_id, exec_mode, instances, NODE_APP_INSTANCE }: Pm2Environment): boolean {
  const isPm2 = pm_id !== undefined || exec_mode !== undefined;
  // Workers of all applications are siblings there, so they are not compared.
  if (isPm2) return exec_mode !== 'fork_mode' && (Number(instances) > 1 || Number(NODE_APP_INSTANCE) > 0);
  return cluster.isWorker && hasSibling();
}

/** Whether the primary has another worker that runs the same program. */
function hasSibling(): boolean {
  const children = childrenOf(process.ppid);
  const own = children.find(({ pid }) => pid === process.pid);
  return own !== undefined && children.some(({ pid, command }) => pid !== own.pid && command === own.command);
}

interface Process {
  pid: number;
  command: string;
}

/** Returns the children of a process; none where the system does not tell. */
function childrenOf(parent: number): Process[] {
  try {
    return process.platform === 'linux' ? childrenByProc(parent) : childrenByPs(parent);
  } catch {
    return [];
  }
}

/** Containers often have no `ps`. */
function childrenByProc(parent: number): Process[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const isChild = readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${parent}\n`);
      return isChild ? [{ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }] : [];
    } catch {
      // It has ended.
      return [];
    }
  });
}

function childrenByPs(parent: number): Process[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, ppid, command = ''] = /^\s*(\d+)\s+(\d+)\s(.*)$/.exec(line) ?? [];
    return Number(ppid) === parent ? [{ pid: Number(pid), command }] : [];
  });
}
