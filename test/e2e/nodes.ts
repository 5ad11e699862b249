// Several nodes of one service: each a process of its own, and a way to them that ends at another one each time.

import { randomUUID } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import { DEADLINE_MS } from '../helpers';
import { freePort, listenOnLoopback } from '../free-port';
import { RedisServer } from '../redis-server';
import type { Stage } from './browser';
import { ServerProcess } from './server-process';

export interface Node {
  server: ServerProcess;
  port: number;
  url: string;
}

export interface Service {
  redis: RedisServer;
  /** Three, of which each knows of the others only by Redis. */
  nodes: [Node, Node, Node];
  /** Starts another one, or the same again. */
  start: (port?: number) => Promise<Node>;
}

/** Starts a service that lets the pages of a stage in; it ends with the test. */
export async function openService(stage: Stage, environment: Record<string, string> = {}): Promise<Service> {
  const redis = await RedisServer.forTest();
  const common = {
    HOST: '127.0.0.1',
    STUN_URLS: '',
    CORS_ORIGIN: stage.origin,
    REDIS_URL: redis.url,
    REDIS_PREFIX: randomUUID(),
    // A node that listens is part of the service.
    REDIS_REQUIRED: 'on',
    NODE_LEASE_MS: '2000',
    ...environment,
  };
  const start = async (port?: number): Promise<Node> => {
    const started = await ServerProcess.start({ ...common, PORT: String(port ?? (await freePort())) });
    return { ...started, url: `http://127.0.0.1:${started.port}` };
  };
  return { redis, start, nodes: await Promise.all([start(), start(), start()]) };
}

/** A load balancer that knows nothing of HTTP: each connection goes to the next node that takes it. Gives its URL. */
export async function balance(nodes: readonly Node[]): Promise<string> {
  const wires = new Set<Socket>();
  let turn = 0;
  const carry = (near: Socket, attempts: number) => {
    const { port = 0 } = nodes[turn++ % nodes.length] ?? {};
    const far = connect(port, '127.0.0.1');
    let isTaken = false;
    far.once('connect', () => {
      isTaken = true;
      near.pipe(far).pipe(near);
    });
    far.on('error', () => (isTaken || attempts === 1 ? near.destroy() : carry(near, attempts - 1)));
    near.once('close', () => far.destroy());
  };
  const balancer = createServer((near) => {
    wires.add(near);
    near.on('error', () => near.destroy());
    near.once('close', () => wires.delete(near));
    carry(near, nodes.length);
  });
  const port = await listenOnLoopback(balancer);
  onTestFinished(() => {
    for (const wire of wires) wire.destroy();
    balancer.close();
  });
  return `http://127.0.0.1:${port}`;
}

/** The node that somebody joined on. */
export function nodeOf(nodes: readonly Node[], userId: string): Promise<Node> {
  const hasJoined = ({ server }: Node) =>
    server.log.rest().some((line) => line.msg === 'joined' && line.userId === userId);
  return vi.waitUntil(() => nodes.find(hasJoined), { timeout: DEADLINE_MS, interval: 100 });
}
