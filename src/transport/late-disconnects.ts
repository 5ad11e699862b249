// DISCONNECT packets that a long-polling client posts after it aborted its pending GET, which ended its connection.

import type { IncomingMessage } from 'node:http';

/** Separates the packets of a long-polling request (Engine.IO protocol 4). */
const SEPARATOR = '\u001e';
/** A client sends nothing but DISCONNECT and close packets then. */
const MAX_LENGTH = 4096;

/** The ended connections that may still disconnect explicitly, by Engine.IO session and namespace. */
export class LateDisconnects {
  readonly #sessions = new Map<string, Map<string, () => void>>();

  /** Calls `left` when the session disconnects from the namespace, within so many milliseconds. */
  expect(sessionId: string, namespace: string, withinMs: number, left: () => void): void {
    const session = this.#sessions.get(sessionId) ?? new Map<string, () => void>();
    this.#sessions.set(sessionId, session.set(namespace, left));
    setTimeout(() => this.#sessions.delete(sessionId), withinMs).unref();
  }

  isExpected(sessionId: string | undefined): sessionId is string {
    return sessionId !== undefined && this.#sessions.has(sessionId);
  }

  /** Reads the packets of a POST. Ignores a request that is too long or is aborted. */
  async receive(sessionId: string, req: IncomingMessage): Promise<void> {
    let payload = '';
    try {
      for await (const chunk of req.setEncoding('utf8')) {
        payload += chunk as string;
        if (payload.length > MAX_LENGTH) return;
      }
    } catch {
      return;
    }
    for (const packet of payload.split(SEPARATOR)) {
      // Engine.IO's MESSAGE and Socket.IO's DISCONNECT; the namespace `/` is left out.
      const [isDisconnect, namespace = '/'] = /^41(?:(\/[^,]*),?)?$/.exec(packet) ?? [];
      if (isDisconnect) this.#sessions.get(sessionId)?.get(namespace)?.();
    }
  }
}
