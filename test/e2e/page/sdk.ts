// A page that uses the SDK, and shows tests the same face as the page of the first version.

import { Call, CallError, joinCall, type CallEvents, type CallOptions, type Snapshot } from '../../../src/client';
import type { Entry } from './frontend';

const LOGGED: (keyof CallEvents)[] = [
  'state',
  'participant-joined',
  'participant-left',
  'error',
  'audio-blocked',
  'device-lost',
  'devices-changed',
];

const log: Entry[] = [];
let call: Call | undefined;

/** What can be sent to a test: streams and errors show nothing of themselves as JSON. */
function plain<T>(value: T): T {
  const show = (_key: string, part: unknown) => {
    if (part instanceof MediaStream) return { tracks: part.getTracks().map(({ kind }) => kind) };
    if (part instanceof CallError) return { code: part.code, message: part.message, userId: part.userId };
    return part;
  };
  return JSON.parse(JSON.stringify(value, show)) as T;
}

const current = (): Call => {
  if (!call) throw new Error('no call was begun');
  return call;
};

const sdk = {
  /** Begins a call, and does not wait for it. */
  begin(options: CallOptions): void {
    call = new Call(options);
    for (const event of LOGGED)
      call.on(event, (...args: unknown[]) => {
        log.push({ at: Date.now(), direction: 'in', event, payload: plain(args.length === 1 ? args[0] : args) });
      });
    call.join().catch(() => undefined);
  },
  /** As many people as there are names, all on this page and listening. Settles when all of them are in the call. */
  async crowd(options: Omit<CallOptions, 'userId'>, userIds: string[]): Promise<void> {
    await Promise.all(userIds.map((userId) => new Call({ ...options, userId, audio: false }).join()));
  },
  joinCall,
  call: current,
  snapshot: (): Snapshot => plain(current().snapshot),
};

const frontend = {
  log,
  mute: () => current().mute(),
  unmute: () => current().unmute(),
  transport: () => current().snapshot.signaling,
  peers: () => current().participants.map(({ peerId }) => peerId),
};

declare global {
  interface Window {
    sdk: typeof sdk;
  }
}
/** A page may begin by itself, with the options in its query. */
const options = new URLSearchParams(location.search).get('options');
if (options !== null) sdk.begin(JSON.parse(options) as CallOptions);

window.sdk = sdk;
Object.assign(window, { frontend });
