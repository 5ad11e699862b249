// The command line: every flag is a variable of the environment under another name, and is checked as that.

import { Argument, Command, CommanderError, Option } from 'commander';
import { version } from '../package.json';
import { defaultOf, nearestOf, secretNames, variableNames, type Complaint, type VariableName } from './config';

/** `health` checks the running server instead of starting one. */
export type CommandName = 'start' | 'health';

/** What a command line asks for: to start in an environment with these variables, or only to be told something. */
export type CommandLine =
  | { command: CommandName; variables: Record<string, string>; answer?: never }
  | { answer: string; isRefusal: boolean; variables?: never };

type SecretName = (typeof secretNames)[number];

/** Each variable as a flag, but for secrets: who else is on the machine can read a command line. */
const flags: Record<Exclude<VariableName, SecretName>, [group: string, flag: string, what: string]> = {
  PORT: ['Serving', '-p, --port <number>', 'port to listen on'],
  HOST: ['Serving', '--host <address>', 'interface to listen on; all of them unless set'],
  NODE_ENV: ['Serving', '--node-env <name>', 'production for a log in JSON and no demo'],
  DEMO: ['Serving', '--demo <on|off>', 'the demo at /demo/; on in development and on a LAN unless set'],
  OPEN: ['Serving', '--open', 'open the demo in a browser'],
  LAN: ['Serving', '--lan', 'for a room without internet: HTTPS, every address, a QR code for phones, no STUN'],
  HTTPS: ['Serving', '--https', 'HTTPS, by a certificate authority that is made on this machine'],
  TLS_CERT: ['Serving', '--cert <file>', 'HTTPS by a certificate of your own, in PEM'],
  TLS_KEY: ['Serving', '--key <file>', 'the private key for it, in PEM'],
  STATE_DIR: ['Serving', '--state-dir <folder>', 'where the certificate authority is kept'],
  SOCKET_PATH: ['Serving', '--socket-path <path>', 'path of Socket.IO'],
  PUBLIC_URL: ['Serving', '--public-url <url>', 'URL under which clients reach this server, behind a proxy'],
  CORS_ORIGIN: ['Serving', '--cors-origin <origins>', 'origins whose pages may connect, by comma; * for any'],
  MAX_PARTICIPANTS: ['Calls', '--max-participants <number>', 'seats of a call'],
  MIN_PARTICIPANTS: ['Calls', '--min-participants <number>', 'from how many on a call is active'],
  STUN_URLS: ['Calls', '--stun-urls <urls>', "STUN servers, by comma; '' for none"],
  TURN_SERVER_URL: ['Calls', '--turn-server-url <host:port>', 'TURN server with fixed credentials'],
  TURN_USERNAME: ['Calls', '--turn-username <name>', 'user name for it'],
  TURN_URLS: ['Calls', '--turn-urls <urls>', 'TURN servers with credentials that expire, by comma'],
  TURN_TTL_SECONDS: ['Calls', '--turn-ttl-seconds <number>', 'how long such credentials last'],
  TURN_OPEN: ['Calls', '--turn-open', 'give TURN credentials to clients that joined no call, too'],
  PEER_DISCOVERY: ['Calls', '--peer-discovery', 'let clients list the ids of all connected peers'],
  RECONNECT_GRACE_MS: ['Calls', '--reconnect-grace-ms <number>', 'how long the seat of a lost connection is kept'],
  SHUTDOWN_GRACE_MS: ['Running', '--shutdown-grace-ms <number>', 'how long stopping may take'],
  REDIS_PREFIX: ['Several nodes', '--redis-prefix <text>', 'by what all keys in Redis begin'],
  REDIS_REQUIRED: ['Several nodes', '--redis-required', 'end if Redis does not answer at the start'],
  NODE_LEASE_MS: ['Several nodes', '--node-lease-ms <number>', 'how long a silent node counts as alive'],
  LOG_LEVEL: ['Running', '--log-level <level>', 'how much is logged'],
  LOG_FORMAT: ['Running', '--log-format <pretty|json>', 'how; json in production unless set'],
  TRUST_PROXY: ['Running', '--trust-proxy <proxies>', 'how many proxies stand in front, or their addresses'],
  KEEP_ALIVE_TIMEOUT_MS: ['Running', '--keep-alive-timeout-ms <number>', 'how long an idle HTTP connection is kept'],
  MAX_CONNECTIONS: ['Running', '--max-connections <number>', 'connections at once'],
  MAX_CONNECTIONS_PER_ADDRESS: [
    'Running',
    '--max-connections-per-address <number>',
    'connections of one address at once',
  ],
  RATE_LIMIT_WINDOW_MS: ['Running', '--rate-limit-window-ms <number>', 'the window of the limits below'],
  RATE_LIMIT_REQUESTS: ['Running', '--rate-limit-requests <number>', 'REST requests of one address'],
  RATE_LIMIT_CONNECTIONS: ['Running', '--rate-limit-connections <number>', 'new connections of one address'],
  RATE_LIMIT_EVENTS: ['Running', '--rate-limit-events <number>', 'events on one Socket.IO connection'],
  RATE_LIMIT_PEER_FRAMES: ['Running', '--rate-limit-peer-frames <number>', 'frames on one PeerJS connection'],
};

const AFTERWORD = `
Each flag is also a variable of the environment, and a line of a file .env: --max-participants is MAX_PARTICIPANTS. Flags
win over the environment, and that over .env. ${new Intl.ListFormat('en').format(secretNames)} are variables alone.`;

const isFlag = (name: VariableName): name is keyof typeof flags => name in flags;

const options = variableNames.filter(isFlag).map((variable) => {
  const [group, flag, what] = flags[variable];
  const fallback = defaultOf(variable);
  const isWorthTelling = fallback !== undefined && fallback !== 'off';
  const option = new Option(flag, isWorthTelling ? `${what} (${fallback})` : what).helpGroup(`${group}:`);
  return { variable, option };
});

/** @param args - what stands behind the name of the program. */
export function readCommandLine(args: readonly string[]): CommandLine {
  let answer = '';
  const hear = (text: string) => (answer += text);
  const program = new Command('back-call')
    .description('Voice calls for any web app: PeerJS broker, call signaling and REST on one port.')
    .addArgument(
      new Argument('[command]', 'start the server, or check the health of the running one')
        .choices(['start', 'health'] satisfies CommandName[])
        .default('start' satisfies CommandName),
    )
    .version(version)
    .addHelpText('after', AFTERWORD)
    .showSuggestionAfterError(false)
    .configureOutput({ writeOut: hear, writeErr: hear, outputError: (text) => hear(refusalOf(text)) })
    .exitOverride();
  for (const { option } of options) program.addOption(option);

  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { answer, isRefusal: error.exitCode !== 0 };
  }
  const given = program.opts<Record<string, string | true>>();
  const variables = options.flatMap(({ variable, option }) => {
    const value = given[option.attributeName()];
    return value === undefined ? [] : [[variable, value === true ? 'on' : value]];
  });
  const [command] = program.processedArgs as [CommandName];
  return { command, variables: Object.fromEntries(variables) as Record<string, string> };
}

/** What is wrong with the environment, said of the flags where they said it. */
export function explain(complaints: Complaint[], { variables = {} }: CommandLine): string {
  const nameOf = (variable: string) =>
    (variable in variables && options.find((option) => option.variable === variable)?.option.long) || variable;
  return complaints.map(({ variable, text }) => `${nameOf(variable)}: ${text}`).join('\n');
}

const longFlags = options.flatMap(({ option }) => option.long ?? []);

/** Returns an error of commander on one line, with the nearest flag, and without a value that may be a secret. */
function refusalOf(error: string): string {
  const [, unknown] = /^error: unknown option '([\w-]*)/.exec(error) ?? [];
  if (unknown === undefined)
    return `${error
      .trim()
      .replaceAll(/\s*\n\s*/g, ' ')
      .replace(/^(error: command-argument) value '(?![a-z]{1,12}').*' is/, '$1 is')}\n`;
  const nearest = nearestOf(unknown, longFlags);
  return `error: unknown option '${unknown.replaceAll(/\s+/g, ' ')}'${nearest ? ` (Did you mean ${nearest}?)` : ''}\n`;
}
