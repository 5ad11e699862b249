// Redaction of secrets in texts and log lines: the configured secrets, and what looks like a secret of somebody else.

import { inspect } from 'node:util';

export const REDACTED = '[redacted]';

/** Shorter secrets are not searched for: they are in too many words. */
const MIN_SECRET_LENGTH = 4;

const NAMES = String.raw`(?:password|passwd|passphrase|token|credentials?|secret|authorization|cookie|(?:private|api)[_-]?key)`;
/** Fields whose values are secrets. `pid` and `sid` are the private session ids of Socket.IO. */
const SECRET_FIELD = new RegExp(`${NAMES}$|^(?:pass|auth|pid|sid)$`, 'i');
/** What every line with one of the patterns below contains. */
const SUSPECT = new RegExp(
  String.raw`@|(?:${NAMES}|pass|auth|key|[ps]id)[\\"']*\s*[:=]|\b(?:bearer|basic)\s|PRIVATE KEY`,
  'i',
);

const PATTERNS: [pattern: RegExp, replacement: string][] = [
  // The user information of URLs. In those of Redis and of ICE servers, it may have unencoded delimiters.
  [/\b((?:rediss?:\/\/|(?:stun|turn)s?:))\S{0,4096}@/gi, `$1${REDACTED}@`],
  [/\b([a-z][a-z\d+.-]{0,20}:\/\/)[^\s/?#]{0,4096}@/gi, `$1${REDACTED}@`],
  [new RegExp(String.raw`([?&;](?:[\w-]{0,40}${NAMES}|pass|auth|key|[ps]id)=)[^&;#\s"'<>]+`, 'gi'), `$1${REDACTED}`],
  [new RegExp(String.raw`(${NAMES}=)(?!\[redacted\])[^&;,\s"'<>]+`, 'gi'), `$1${REDACTED}`],
  // JSON and `util.inspect` in a text.
  [new RegExp(String.raw`(${NAMES}\\?["']?\s*[:=]\s*)(?:\\?"[^"]*"|\\?'[^']*')`, 'gi'), `$1"${REDACTED}"`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g, REDACTED],
];

export interface Redactor {
  /** Returns a text without secrets. */
  text: (text: string) => string;
  /** Returns a line of JSON without secrets in its names and values; the same string if it contains none. */
  line: (line: string) => string;
}

/** @param secrets - as they are configured, percent-encoded or not. */
export function createRedactor(secrets: readonly string[]): Redactor {
  const known = knownIn(secrets);
  const isSuspect = (value: string) => SUSPECT.test(value) || (known !== undefined && value.search(known) >= 0);

  const text = (value: string) => {
    if (!isSuspect(value)) return value;
    const withoutKnown = known ? value.replace(known, REDACTED) : value;
    return PATTERNS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), withoutKnown);
  };
  const clean = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [text(name), isSecret(name, inner) ? REDACTED : clean(inner)]),
    );
  };
  const line = (json: string) => {
    if (!isSuspect(json)) return json;
    try {
      return JSON.stringify(clean(JSON.parse(json))) + (json.endsWith('\n') ? '\n' : '');
    } catch {
      return text(json);
    }
  };
  return { text, line };
}

/** Whether a field is a secret. A number named `pid` is a process ID. */
function isSecret(name: string, value: unknown): boolean {
  if (!SECRET_FIELD.test(name)) return false;
  return /^[ps]id$/i.test(name)
    ? typeof value === 'string'
    : !['boolean', 'undefined'].includes(typeof value) && value !== null;
}

/** Returns a pattern for secrets in every form in which a library may write them; undefined for none. */
function knownIn(secrets: readonly string[]): RegExp | undefined {
  const forms = new Set(secrets.flatMap(formsOf).flatMap(escapesOf).flatMap(escapesOf).flatMap(escapesOf));
  const searched = [...forms].filter((form) => form.length >= MIN_SECRET_LENGTH).sort((a, b) => b.length - a.length);
  if (searched.length === 0) return undefined;
  return new RegExp(searched.map((form) => form.replace(/[$()*+./?[\\\]^{|}-]/g, String.raw`\$&`)).join('|'), 'g');
}

function formsOf(secret: string): string[] {
  const decoded = decode(secret);
  const url = new URL('redis://host');
  url.password = decoded;
  const encoded = encodeURIComponent(Buffer.from(decoded).toString());
  const withSmallDigits = encoded.replace(/%../g, (byte) => byte.toLowerCase());
  return [secret, decoded, url.password, encoded, withSmallDigits];
}

const escapesOf = (text: string) => [text, JSON.stringify(text).slice(1, -1), inspect(text).slice(1, -1)];

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
