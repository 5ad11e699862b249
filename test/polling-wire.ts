// A Socket.IO client reduced to its long-polling requests.

import { expect } from 'vitest';

const SEPARATOR = '\u001e';

/** Sends Engine.IO packets as they are, in the namespace `/call`. */
export class PollingWire {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** Connects to `/call` and joins the call `meeting`. No GET is pending afterwards. */
  static async join(url: string, userId: string): Promise<PollingWire> {
    const handshake = `${url}/socket.io/?EIO=4&transport=polling`;
    const open = await (await fetch(handshake)).text();
    const { sid } = JSON.parse(open.slice(1)) as { sid: string };
    const wire = new PollingWire(`${handshake}&sid=${sid}`);
    await wire.post('40/call,');
    await wire.pollUntil('40/call,');
    const request = { meetingId: 'meeting', userId, peerId: `peer-${userId}`, username: userId };
    await wire.post(`42/call,1${JSON.stringify(['call:join', request])}`);
    await wire.pollUntil('43/call,1[{"success":true');
    return wire;
  }

  /** Sends packets, which are separated by U+001E. */
  async post(body: string): Promise<void> {
    expect(await this.status(body)).toBe(200);
  }

  /** Sends packets, and returns the HTTP status. */
  async status(body: string): Promise<number> {
    const { status } = await fetch(this.#url, { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } });
    return status;
  }

  /** Returns the packets of one response. */
  async poll(signal?: AbortSignal): Promise<string[]> {
    const response = await fetch(this.#url, { ...(signal && { signal }) });
    return (await response.text()).split(SEPARATOR);
  }

  /** Polls until a packet begins like this. */
  async pollUntil(start: string): Promise<void> {
    while (!(await this.poll()).some((packet) => packet.startsWith(start)));
  }
}
