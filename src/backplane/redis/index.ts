// Several nodes: what they share is in Redis.

import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Backplane, Limiter } from '../index';
import { WindowLimiter } from '../window-limiter';
import { RedisLink, type RedisOptions } from './link';
import { RedisPeers } from './peers';
import { RedisPost } from './post';
import { RedisRoomStore } from './rooms';

export function createRedisBackplane(options: RedisOptions): Backplane {
  const link = new RedisLink(options);
  const rooms = new RedisRoomStore(link);
  const peers = new RedisPeers(link);
  const post = new RedisPost(link);
  link.belongings = () => ({ seats: rooms.own(), peers: peers.own(), departures: rooms.departures });
  peers.onLost = (peerId) => rooms.notePeer(peerId, false);
  rooms.onMissed = (address, signals) => {
    for (const signal of signals) post.deliver(address, signal);
  };
  link.onForgotten = (isComplete) => {
    rooms.compare(isComplete).catch((error: unknown) => options.log.error({ err: error }, 'failed'));
  };
  const opening = link.open();
  opening.catch((error: unknown) => {
    // What goes wrong with the connection was said already, and is tried again.
    if (!link.client) options.log.fatal({ err: error }, 'there is no client for Redis');
  });
  return {
    node: link.node,
    rooms,
    peers,
    frames: peers,
    post,
    clock: () => link.clock(),
    wallClock: () => link.clock(),
    limiter: (name, points, windowMs) => createLimiter(link, name, points, windowMs),
    opened: async () => {
      if (!options.isRequired) return;
      await opening.catch(() => {
        throw new Error('Redis does not answer');
      });
    },
    isHealthy: () => Promise.resolve(link.isUp),
    close: () => link.close(),
  };
}

/** Counts the requests of this node here and those of all nodes in Redis. Without Redis, the limit holds for each node. */
function createLimiter(link: RedisLink, name: string, points: number, windowMs: number): Limiter {
  const ofThisNode = new WindowLimiter(points, windowMs);
  let ofAllNodes: RateLimiterRedis | undefined;
  return {
    take: async (key) => {
      const wait = ofThisNode.take(key);
      // A flood does not reach Redis.
      if (wait > 0 || !link.client) return wait;
      const options = { keyPrefix: `${link.prefix}limit:${name}`, points, duration: windowMs / 1000 };
      ofAllNodes ??= new RateLimiterRedis({ ...options, storeClient: link.client });
      try {
        await ofAllNodes.consume(key);
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return refused.msBeforeNext;
      }
      return 0;
    },
  };
}
