// What can be refused, and what the outside may know of a thrown thing.

import type { ErrorCode, Refusal } from './protocol';

/** Every error code with its HTTP status and its sentence. docs/protocol.md holds the same table, and a test compares them. */
export const errors: Record<ErrorCode, { status: number; message: string }> = {
  INVALID_PAYLOAD: { status: 400, message: 'The payload is not what this request takes.' },
  INVALID_SIGNAL: { status: 400, message: 'The signal is missing, too large or not of the right shape.' },
  INVALID_REQUEST: { status: 400, message: 'This HTTP request cannot be served.' },
  UNSUPPORTED_PROTOCOL_VERSION: {
    status: 400,
    message: 'Unsupported protocol version. This server supports Socket.IO clients 3.x and 4.x (Engine.IO protocol 4).',
  },
  PEER_DISCOVERY_OFF: {
    status: 401,
    message: 'Listing peers is off. Start the server with PEER_DISCOVERY=on to allow it.',
  },
  ORIGIN_NOT_ALLOWED: { status: 403, message: 'Pages of this origin may not use this server.' },
  FORBIDDEN: { status: 403, message: 'A connection speaks only for the participant that it joined as.' },
  NOT_FOUND: { status: 404, message: 'There is nothing here.' },
  ROOM_NOT_FOUND: { status: 404, message: 'Nobody is in a call under this meeting id.' },
  USER_NOT_FOUND: { status: 404, message: 'This user is not in the call.' },
  PEER_NOT_FOUND: { status: 404, message: 'Nobody is connected or in a call under this peer id.' },
  NOT_IN_CALL: { status: 409, message: 'Join the call first.' },
  ROOM_FULL: { status: 409, message: 'The call has no free seat.' },
  PEER_ID_TAKEN: { status: 409, message: 'This peer id belongs to another client.' },
  REPLACED: {
    status: 409,
    message: 'You joined this call again from somewhere else, and that connection took your seat.',
  },
  RATE_LIMITED: { status: 429, message: 'Too much at once. Try again in a moment.' },
  INTERNAL_ERROR: { status: 500, message: 'Something went wrong on our side.' },
  SHUTTING_DOWN: { status: 503, message: 'This server is shutting down. Connect again in a moment.' },
  UNAVAILABLE: { status: 503, message: 'This is not possible at the moment. Try again.' },
};

export interface CallErrorDetails {
  detail?: string;
  retryAfterMs?: number;
  /** HTTP status; that of the code unless given. */
  status?: number;
}

/** A refusal that its audience can act on: it has a stable code, and a sentence that may be shown. */
export class CallError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  /** Milliseconds until it is worth trying again, with `RATE_LIMITED` and `UNAVAILABLE`. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, { detail, retryAfterMs, status = errors[code].status }: CallErrorDetails = {}) {
    super(detail ? `${errors[code].message} (${detail})` : errors[code].message);
    this.name = 'CallError';
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What was thrown, as a refusal: our own errors as they are, anything else as `INTERNAL_ERROR` without its text. */
export function toCallError(thrown: unknown): CallError {
  return thrown instanceof CallError ? thrown : new CallError('INTERNAL_ERROR');
}

/** The body that tells a refusal, over HTTP and as an acknowledgement alike. */
export function toRefusal({ message, code, retryAfterMs }: CallError): Refusal {
  return { success: false, message, code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
