// Several nodes: what they share is in Redis.

import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Backplane } from '../index';
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
    limiter: (name, points, windowMs) => {
      const duration = windowMs / 1000;
      const insuranceLimiter = new RateLimiterMemory({ points, duration });
      const keyPrefix = `${link.prefix}limit:${name}`;
      let limiter: RateLimiterRedis | undefined;
      const open = () => {
        const own = { keyPrefix, points, duration, inMemoryBlockOnConsumed: points, insuranceLimiter };
        return link.client && (limiter = new RateLimiterRedis({ ...own, storeClient: link.client }));
      };
      return { consume: (key) => (limiter ?? open() ?? insuranceLimiter).consume(key) };
    },
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
