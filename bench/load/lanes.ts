// How load is put on a relay, whatever it relays: many messages under way, or one at a time.

/** A way from one client through the server to another. */
export interface Lane {
  /** Sends the n-th message of the mix; n may be any number. */
  send(n: number): void;
  /** To be called for each message that comes out at the other end. */
  arrived: () => void;
}

/** Between how many pairs of clients there are lanes, one in each direction. */
export const PAIRS = 8;
/** How many messages each lane has under way. */
const WINDOW = 8;
const DEADLINE_MS = 60_000;

/** Sends `count` messages in all over the lanes, each of which has a window of them under way. */
export async function flood(lanes: readonly Lane[], count: number): Promise<void> {
  const perLane = Math.ceil(count / lanes.length);
  const rest = stayAwake();
  await withDeadline(
    Promise.all(
      lanes.map(
        (lane) =>
          new Promise<void>((resolve) => {
            let sent = 0;
            let received = 0;
            lane.arrived = () => {
              received += 1;
              if (received === perLane) resolve();
              else if (sent < perLane) lane.send(sent++);
            };
            while (sent < Math.min(WINDOW, perLane)) lane.send(sent++);
          }),
      ),
    ),
  ).finally(rest);
}

/**
 * Keeps this process from waiting in its event loop; gives how to end that. Over the loopback interface, to wake the
 * receiver of a message is the work of its sender: a server would be charged for it, and a slow one more often.
 */
function stayAwake(): () => void {
  let isAwake = true;
  const turn = () => {
    if (isAwake) setImmediate(turn);
  };
  turn();
  return () => (isAwake = false);
}

/** Sends `count` messages over one lane, each when the one before has arrived; gives how long each took, in ms. */
export async function oneByOne(lane: Lane, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const arrival = new Promise<void>((resolve) => (lane.arrived = resolve));
    const sentAt = performance.now();
    lane.send(n);
    await arrival;
    times.push(performance.now() - sentAt);
  }
  return times;
}

/** A benchmark that hangs says so. */
export async function withDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
