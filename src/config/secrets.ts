// The secrets in a configuration, for the redaction of log lines.

import type { Config } from './config';

/** The options that contain secrets. */
export type SecretOptions = Pick<Config, 'redis' | 'turnServer' | 'turnRest'>;

/** Returns every secret, as it is configured. */
export function secretsOf({ redis, turnServer, turnRest }: SecretOptions): string[] {
  const secrets = [turnServer?.credential, turnRest?.secret, ...(redis ? secretsInUrl(redis.url) : [])];
  return secrets.filter((secret) => secret !== undefined && secret !== '') as string[];
}

/** Returns the password of a URL, or the user name if that stands alone, and the values of its query. */
function secretsInUrl(text: string): (string | undefined)[] {
  const [, user = '', password] = /^\w+:\/\/([^:@]*)(?::(.*))?@/.exec(text) ?? [];
  const query = URL.canParse(text) ? [...new URL(text).searchParams] : [];
  // Options such as `?family=6` are no secrets, and would be redacted in every line.
  return [password || user, ...query.flatMap(([name, value]) => (/pass/i.test(name) ? value : []))];
}
