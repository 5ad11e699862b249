// Joins a call once per page: a second click on "Join" must not take the seat of the first one.

import { addressOf } from './address';
import { Call, type CallOptions } from './call';
import { localError } from './errors';

/** The calls that `joinCall` made on this page and that have not ended, by server, meeting and user. */
const calls = new Map<string, Call>();

/**
 * Joins a call, or returns the call that this page already joins or has joined with the same server, meeting and user.
 * The options of the first request apply; the `signal` of each request leaves the call.
 *
 * Rejects with a {@link CallError}: the server's refusal, `INVALID_URL`, `TIMEOUT`, `ABORTED` or `UNSUPPORTED_BROWSER`.
 */
export async function joinCall(options: CallOptions): Promise<Call> {
  const { url, meetingId, userId, signal } = options;
  if (signal?.aborted) throw localError('ABORTED');
  const key = JSON.stringify([addressOf(url), meetingId, userId]);
  const present = calls.get(key);
  if (present) {
    signal?.addEventListener('abort', () => void present.leave(), { once: true });
    return present.join();
  }
  const call = new Call(options);
  calls.set(key, call);
  call.on('state', (state) => {
    if (state === 'left') calls.delete(key);
  });
  return call.join();
}
