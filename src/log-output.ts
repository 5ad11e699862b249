// The destination of log lines: a file descriptor, with a bounded buffer for a reader that does not read.

import { writeSync } from 'node:fs';
import { monotonicNow } from './clock';

/** How many bytes wait for the reader. Further lines are dropped. */
const MAX_BYTES = 1024 * 1024;
const RETRY_MS = 50;
const STDOUT = 1;
/** At the end of the process: how long the reader may pause, and how long it may take for the whole buffer. */
const EXIT_MS = { pause: 1000, total: 5000 };

/** Returns the log line that reports how many lines were dropped. */
export type DropReport = (lines: number) => string;
type Write = (bytes: Buffer) => number;

interface Waiting {
  bytes: Buffer;
  /** How many lines are lost without it: more than one for a report. */
  lines: number;
}

/**
 * Writes lines in order and without waiting. `write` returns how many bytes it wrote, and throws `EAGAIN` while the pipe is full.
 * After other errors (`EPIPE`, `ENOSPC`) the lines are dropped.
 *
 * It replaces sonic-boom, which blocks a thread or the whole process on a pipe that is not read, also at exit.
 */
export class LogOutput {
  readonly #write: Write;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #dropped = 0;
  #report: DropReport | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Writes a line, or drops it while the buffer is full, and until it is half empty again. */
  write(line: string, report: DropReport): void {
    const bytes = Buffer.from(line);
    this.#report = report;
    if (this.#dropped > 0 || this.#bytes + bytes.length > MAX_BYTES) this.#dropped += 1;
    else this.#add(bytes, 1);
    if (!this.#retry) this.#flush();
  }

  /** Writes what waits, for as long as the reader reads. Blocks the thread. */
  flushAtExit(): void {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const end = monotonicNow() + EXIT_MS.total;
    let readAt = monotonicNow();
    let before = this.#bytes;
    for (;;) {
      this.#flush();
      const now = monotonicNow();
      if (this.#bytes !== before) readAt = now;
      before = this.#bytes;
      if (before === 0 || now >= end || now - readAt >= EXIT_MS.pause) return;
      Atomics.wait(pause, 0, 0, 10);
    }
  }

  #add(bytes: Buffer, lines: number): void {
    this.#waiting.push({ bytes, lines });
    this.#bytes += bytes.length;
  }

  #flush(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    try {
      for (;;) {
        this.#addReport();
        const [first] = this.#waiting;
        if (!first) return;
        const written = this.#write(first.bytes);
        this.#bytes -= written;
        if (written === first.bytes.length) this.#waiting.shift();
        else first.bytes = first.bytes.subarray(written);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#dropAll();
      else this.#retry = setTimeout(() => this.#flush(), RETRY_MS).unref();
    }
  }

  /** Adds the report where the dropped lines would be. */
  #addReport(): void {
    if (this.#dropped === 0 || this.#bytes > MAX_BYTES / 2 || !this.#report) return;
    this.#add(Buffer.from(this.#report(this.#dropped)), this.#dropped);
    this.#dropped = 0;
  }

  #dropAll(): void {
    for (const { lines } of this.#waiting.splice(0)) this.#dropped += lines;
    this.#bytes = 0;
  }
}

let stdoutOutput: LogOutput | undefined;

/** Returns the one output to stdout of this process. The process should call `flushAtExit` when it exits. */
export function openStdout(): LogOutput {
  // Node.js makes a pipe non-blocking when it opens the stream.
  Reflect.get(process, 'stdout');
  stdoutOutput ??= new LogOutput((bytes) => writeSync(STDOUT, bytes));
  return stdoutOutput;
}
