// The child's side of a measurement: says where it listens, and on request what it has used so far.

export interface Doors {
  /** Where PeerJS sockets are opened; the query is the client's. */
  peerjs?: string;
  /** Where Socket.IO clients connect. */
  signaling?: string;
}

export interface Usage {
  /** CPU time of the whole process since it started, in microseconds. */
  cpu: number;
  /** Resident memory, in bytes. */
  rss: number;
}

export type Question = 'usage' | 'settled usage' | 'end';
export type Message = { doors: Doors } | { usage: Usage };

const GC_PASSES = 8;

/** To be called once, when the server listens. */
export function report(doors: Doors): void {
  process.on('message', (question: Question) => {
    if (question === 'end') process.exit();
    void answer(question);
  });
  // Whoever asks is gone.
  process.on('disconnect', () => process.exit());
  tell({ doors });
}

async function answer(question: Question): Promise<void> {
  if (question === 'settled usage') await collectGarbage();
  const { user, system } = process.cpuUsage();
  tell({ usage: { cpu: user + system, rss: process.memoryUsage().rss } });
}

/** Several passes with a pause between: finalizers run in between, and V8 gives pages back in the background. */
async function collectGarbage(): Promise<void> {
  for (let pass = 0; pass < GC_PASSES; pass += 1) {
    global.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function tell(message: Message): void {
  process.send?.(message);
}
