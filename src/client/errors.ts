// What can go wrong for somebody in a call: the server's refusals and the browser's own, under one stable code each.

import type { ErrorCode, Refusal } from '../protocol';

/** Codes that come from this side of the wire; all others are the server's own, see docs/protocol.md. */
export type LocalErrorCode =
  | 'MIC_DENIED'
  | 'MIC_NOT_FOUND'
  | 'MIC_IN_USE'
  | 'MIC_OVERCONSTRAINED'
  | 'MIC_FALLBACK'
  | 'CAMERA_DENIED'
  | 'CAMERA_NOT_FOUND'
  | 'CAMERA_IN_USE'
  | 'CAMERA_OVERCONSTRAINED'
  | 'CAMERA_FALLBACK'
  | 'SPEAKER_NOT_FOUND'
  | 'SPEAKER_DENIED'
  | 'SPEAKER_FALLBACK'
  | 'INVALID_TRACK'
  | 'INSECURE_CONTEXT'
  | 'INVALID_URL'
  | 'TIMEOUT'
  | 'ICE_FAILED'
  | 'PEER_UNREACHABLE'
  | 'UNSUPPORTED_BROWSER'
  | 'ABORTED';

export type CallErrorCode = ErrorCode | LocalErrorCode;

/** Each with a sentence that tells a person what to do next. docs/client.md holds the same table, and a test compares them. */
export const messages: Record<LocalErrorCode, string> = {
  MIC_DENIED: 'The browser may not use the microphone. Allow it beside the address bar, then try again.',
  MIC_NOT_FOUND: 'There is no microphone. Plug one in, or choose another; you can listen without.',
  MIC_IN_USE: 'The microphone cannot be opened. Another program may be using it; close that, then try again.',
  MIC_OVERCONSTRAINED:
    'The microphone does not support the requested constraints. Change them, or choose another microphone.',
  MIC_FALLBACK: 'The chosen microphone is not available. The default microphone is used until it is back.',
  CAMERA_DENIED: 'The browser may not use the camera. Allow it beside the address bar, then try again.',
  CAMERA_NOT_FOUND: 'There is no camera. Plug one in, or choose another.',
  CAMERA_IN_USE: 'The camera cannot be opened. Another program may be using it; close that, then try again.',
  CAMERA_OVERCONSTRAINED:
    'The camera does not support the requested constraints. Change them, or choose another camera.',
  CAMERA_FALLBACK: 'The chosen camera is not available. The default camera is used until it is back.',
  SPEAKER_NOT_FOUND: 'The chosen speaker is not available. Choose another one.',
  SPEAKER_DENIED: 'The browser does not allow this speaker. Allow it in the site settings, then try again.',
  SPEAKER_FALLBACK: 'The chosen speaker is not available. The default speaker is used until it is back.',
  INVALID_TRACK: 'The given stream has no live track of this kind. Pass a track that has not ended.',
  INSECURE_CONTEXT:
    'Browsers give microphone and camera to secure pages alone. Open this page by https, or by http://localhost on the machine itself.',
  INVALID_URL:
    'The URL of the call server is invalid or blocked. Use a full URL such as https://calls.example; pages on HTTPS need https.',
  TIMEOUT: 'The call server did not answer in time. Look whether its address is right and whether you are online.',
  ICE_FAILED:
    'You reach the call server, but not this person. A firewall is in the way: try another network, or ask for a TURN server.',
  PEER_UNREACHABLE:
    'This participant does not answer, and a network blocks the WebSocket connection to the call server. Allow WebSockets, or use the SDK on both pages.',
  UNSUPPORTED_BROWSER: 'This browser has no WebRTC. Use a current Chrome, Edge, Firefox or Safari.',
  ABORTED: 'Joining was called off.',
};

/** Rejections of the client, and its `error` events. */
export class CallError extends Error {
  readonly code: CallErrorCode;
  /** User id of the participant, with `ICE_FAILED` and `PEER_UNREACHABLE`. */
  readonly userId: string | undefined;
  /** Milliseconds until it is worth trying again, with `RATE_LIMITED`. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: CallErrorCode,
    message: string,
    { userId, retryAfterMs, cause }: { userId?: string; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'CallError';
    this.code = code;
    this.userId = userId;
    this.retryAfterMs = retryAfterMs;
  }
}

export function localError(code: LocalErrorCode, details: { userId?: string; cause?: unknown } = {}): CallError {
  return new CallError(code, messages[code], details);
}

export function refused({ code, message, retryAfterMs }: Omit<Refusal, 'success'>): CallError {
  return new CallError(code, message, { retryAfterMs });
}
