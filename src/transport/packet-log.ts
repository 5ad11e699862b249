// The packets that were sent to one Socket.IO room, for clients that reconnect.

import { statusKeyOf } from '../difference';

export interface LoggedPacket {
  /** Position among all packets of the namespace. */
  offset: number;
  /** Monotonic time, in milliseconds. */
  at: number;
  bytes: number;
  data: unknown[];
  /** The ids of the sockets that were excluded. */
  except: ReadonlySet<string>;
  /** The packet replaces packets that the log no longer has. */
  isDifference?: boolean;
}

/** An immutable copy of a log at one moment. */
export interface LogSnapshot {
  packets: readonly LoggedPacket[];
  /** The offset of the latest packet that the log dropped for its size. */
  droppedUpTo: number;
}

/** Above this size, a log drops its oldest packets. */
export const MAX_LOG_BYTES = 128 * 1024;

export class PacketLog implements LogSnapshot {
  #packets: LoggedPacket[] = [];
  #bytes = 0;
  droppedUpTo = 0;
  /** Monotonic time until which a session may request packets from this log. */
  neededUntil = 0;

  get packets(): readonly LoggedPacket[] {
    return this.#packets;
  }

  /** Appends a packet. It replaces an earlier status event of the same kind and participant. */
  append(packet: LoggedPacket): void {
    const key = statusKeyOf(packet.data);
    if (key) this.remove((other) => statusKeyOf(other.data) === key);
    this.#packets.push(packet);
    this.#bytes += packet.bytes;
    while (this.#bytes > MAX_LOG_BYTES) this.droppedUpTo = this.#shift() ?? this.droppedUpTo;
  }

  remove(isUnwanted: (packet: LoggedPacket) => boolean): void {
    this.#packets = this.#packets.filter((packet) => !isUnwanted(packet));
    this.#bytes = this.#packets.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Drops packets that are too old to be requested. */
  dropBefore(at: number): void {
    while ((this.#packets[0]?.at ?? Infinity) < at) this.#shift();
  }

  snapshot(): LogSnapshot {
    return { packets: [...this.#packets], droppedUpTo: this.droppedUpTo };
  }

  #shift(): number | undefined {
    const first = this.#packets.shift();
    this.#bytes -= first?.bytes ?? 0;
    return first?.offset;
  }
}

/** Whether a log has all packets after an offset, aside from replaced status events. */
export const isCompleteAfter = ({ droppedUpTo }: LogSnapshot, offset: number): boolean => droppedUpTo <= offset;
