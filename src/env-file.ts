// The file `.env`: environment variables for the process, as UTF-8 text.

import { readFileSync } from 'node:fs';
import dotenv from 'dotenv';
import { PERCENT_ENCODE, secretNames } from './config';

/** A file that cannot be read. The message is one line. */
export class EnvFileError extends Error {}

/** A secret without quotes that contains a `#`, where dotenv begins a comment also without a space in front of it. */
const CUT_SECRET = new RegExp(
  `^\\s*(?:export\\s+)?(${secretNames.join('|')})(?:\\s*=|:\\s)[^\\S\\r\\n]*(?!['"\`])[^#\\r\\n]*[^#\\s=]#`,
  'm',
);

/** Returns the variables of a file; none if it does not exist. Throws an {@link EnvFileError}. */
export function readEnvFile(path: string): Record<string, string> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    if (code === 'EISDIR') throw new EnvFileError(`${path}: found a directory, expected a file`);
    throw new EnvFileError(`${path}: the file cannot be read (${code})`);
  }
  // UTF-16, with a byte order mark or without, which Windows PowerShell writes.
  if (/^(\xff\xfe|\xfe\xff)|\0/.test(bytes.toString('latin1')))
    throw new EnvFileError(`${path}: found UTF-16 text, expected UTF-8. Save the file as UTF-8.`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new EnvFileError(`${path}: found text in another encoding, expected UTF-8. Save the file as UTF-8.`);
  }
  const [, cut] = CUT_SECRET.exec(text) ?? [];
  if (cut !== undefined) {
    const remedy = cut === 'REDIS_URL' ? PERCENT_ENCODE : 'write the value in quotes, because # begins a comment';
    throw new EnvFileError(`${path}: ${cut}: ${remedy}`);
  }
  return dotenv.parse(text);
}
