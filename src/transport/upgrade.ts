// The one owner of `upgrade`: every WebSocket of this process comes in here, and goes to the door of its path.

import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { CallError, toCallError, toRefusal } from '../errors';
import type { RefusalLog } from '../refusal-log';
import { collapseSlashes } from './slashes';

export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> | void;

export interface UpgradeOptions {
  server: Server;
  /** By exact path, in which repeated slashes count as one. */
  doors: Record<string, UpgradeHandler>;
  /** Throws a {@link CallError} for who may not come in. */
  admit: (req: IncomingMessage) => Promise<void>;
  clientAddressOf: (req: IncomingMessage) => string;
  refusals: RefusalLog;
}

/**
 * Takes the upgrades of our paths out of the server's `upgrade` event, and leaves the others to the listeners of the
 * application around us, if it has any; else they get a 404. Gives back how to undo it.
 *
 * It stands before the event instead of listening to it, because `ws` servers that an application attaches to the same
 * server answer 400 to every path that is not theirs, whoever else listens.
 */
export function takeUpgrades({ server, doors, admit, clientAddressOf, refusals }: UpgradeOptions): () => void {
  const original = server.emit.bind(server);
  const emit = original as (...event: unknown[]) => boolean;
  const paths = new Map(Object.entries(doors));

  const open = async (door: UpgradeHandler, req: IncomingMessage, socket: Duplex, head: Buffer) => {
    // From `upgrade` on nobody but us hears of errors of this socket, and an unheard error ends the process.
    socket.on('error', () => socket.destroy());
    try {
      await admit(req);
      await door(req, socket, head);
    } catch (thrown) {
      const error = toCallError(thrown);
      const where = { path: pathOf(req).slice(0, 128), origin: req.headers.origin, reason: error.code };
      const source = { address: clientAddressOf(req), kind: `upgrade ${error.code}` };
      if (error.code === 'INTERNAL_ERROR') refusals.error(source, { ...where, err: thrown }, 'failed');
      else refusals.warn(source, where, 'upgrade refused');
      refuseUpgrade(socket, error);
    }
  };

  const nobody: UpgradeHandler = () => {
    throw new CallError('NOT_FOUND');
  };
  // Node emits `upgrade` only if somebody listens; we are then called through `emit`, never as a listener.
  const listener = () => undefined;
  server.on('upgrade', listener);
  server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'upgrade') return emit(event, ...args);
    const [req, socket, head] = args as [IncomingMessage, Duplex, Buffer];
    const target = collapseSlashes(req.url ?? '');
    const door = paths.get(pathOf({ url: target }));
    if (!door && server.listenerCount('upgrade') > 1) return emit(event, ...args);
    if (door) req.url = target;
    void open(door ?? nobody, req, socket, head);
    return true;
  };

  return () => {
    server.off('upgrade', listener);
    server.emit = original;
  };
}

const pathOf = ({ url = '' }: Pick<IncomingMessage, 'url'>) => url.split('?', 1)[0] ?? '';

/** Answers an upgrade as HTTP would, and closes the connection. */
function refuseUpgrade(socket: Duplex, error: CallError): void {
  const body = JSON.stringify(toRefusal(error));
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(error.retryAfterMs === undefined ? [] : [`Retry-After: ${Math.ceil(error.retryAfterMs / 1000)}`]),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
