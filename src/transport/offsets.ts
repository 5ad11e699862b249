// The offset that Socket.IO appends to each packet, and that a client returns when it reconnects.

import { randomBytes } from 'node:crypto';

export interface Offset {
  /** Position among all packets of the namespace on this node. */
  offset: number;
  /** Version of the last change of all nodes that was delivered before. */
  version: number;
  /** Number of packets that were received of those that another node handed over. */
  part?: number | undefined;
}

/** Formats and parses the offsets of one node. The random tag tells them from those of other nodes and processes. */
export class OffsetCodec {
  readonly #tag = randomBytes(4).toString('base64url');

  format({ offset, version, part }: Offset): string {
    const text = `${this.#tag}:${offset}:${version}`;
    return part === undefined ? text : `${text}:${part}`;
  }

  /** Returns `undefined` if another node sent the offset, or if it is malformed. */
  parse(text: string): Offset | undefined {
    const [tag, ...numbers] = text.split(':');
    const [offset = NaN, version = 0, part] = numbers.map(Number);
    return tag === this.#tag && Number.isSafeInteger(offset) ? { offset, version, part } : undefined;
  }
}

/** The version in an offset of any node; 0 if it is malformed. */
export const versionOf = (offset: string): number => Number(offset.split(':')[2] ?? 0) || 0;
