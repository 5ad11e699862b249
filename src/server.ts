#!/usr/bin/env node
// The process: command line and environment in, signals handled. The one file that reads, hears and ends it.

import { createCallServer, type CallServer } from './call-server';
import { explain, readCommandLine, type CommandName } from './cli';
import {
  ConfigError,
  loadConfig,
  misspeltInEnvironment,
  misspeltInFile,
  secretsOf,
  type ProcessConfig,
} from './config';
import { DEMO_PATH } from './doors';
import { EnvFileError, readEnvFile } from './env-file';
import { greet, originsOf, rootsOf, type Greeting } from './greeting';
import { IdentityError, openIdentity, stateFolder } from './identity';
import { ownHosts, reachableAddresses } from './identity/hosts';
import { openStdout } from './log-output';
import { createLogger } from './logger';
import { createRedactor } from './redaction';
import { checkHealth } from './transport/health-check';
import { WorkersError } from './workers';

/** How often it is looked whether this machine has other addresses, or needs another certificate. */
const LOOK_AROUND_MS = 5000;
/** How often it is looked whether who started us is still there, when it matters. */
const LOOK_BACK_MS = 250;

const { command, config, warnings } = readSettings();
if (command === 'health') await reportHealth();
const log = createLogger(config);
process.on('exit', () => openStdout().flushAtExit());
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'unexpected, ending');
  process.exit(1);
});
for (const warning of warnings) log.warn(warning);
logWarningsOfNode();
redactStderr();
const folder = () => config.stateDir ?? stateFolder(process.env, process.platform);
const identity = await openIdentity(config.tls, folder).catch(giveUp);
const calls = openCallServer();
let isStopping = false;
/** What was said last, so that nothing is said twice. */
let greeted = '';
let lamented = '';

// Calls go on when nobody reads the log any more.
process.stdout.on('error', () => undefined);
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
if (process.env.npm_lifecycle_event === 'npx') stopWithParent(process.ppid);

try {
  const { port } = await calls.listen();
  tellWhere(port);
  if (identity) setInterval(() => void lookAround(port), LOOK_AROUND_MS);
  if (config.open) await openBrowser(port);
} catch (error) {
  const { code } = error as NodeJS.ErrnoException;
  log.fatal(
    { reason: code },
    code === 'EADDRINUSE' ? `port ${config.port} is taken` : `cannot listen: ${String(error)}`,
  );
  process.exit(1);
}

function stop(signal: NodeJS.Signals): void {
  if (isStopping) {
    log.warn({ reason: signal }, 'asked twice, ending at once');
    process.exit(1);
  }
  isStopping = true;
  log.info({ reason: signal }, 'stopping');
  const end = (reason: string) => {
    log.info({ reason }, 'stopped');
    // `peer` keeps timers that it gives no way to stop.
    process.exit(0);
  };
  setTimeout(() => end('time is up'), config.shutdownGraceMs);
  calls.close().then(
    () => end('all closed'),
    (error: unknown) => {
      log.error({ err: error }, 'could not close');
      process.exit(1);
    },
  );
}

/** Between `npx` and us is a shell, which dies of a signal and does not pass it on: who ends it means us. */
function stopWithParent(parent: number): void {
  setInterval(() => {
    if (process.ppid !== parent && !isStopping) stop('SIGTERM');
  }, LOOK_BACK_MS);
}

// ---- Starting ----------------------------------------------------------------------------------------------------

/** Reads the configuration: flags before the environment, and the environment before `.env`. */
function readSettings(): { command: CommandName; config: ProcessConfig; warnings: string[] } {
  const line = readCommandLine(process.argv.slice(2));
  if (line.answer !== undefined) {
    (line.isRefusal ? console.error : console.log)(line.answer.trimEnd());
    process.exit(line.isRefusal ? 1 : 0);
  }
  const warnings: string[] = [];
  try {
    const file = readEnvFile('.env');
    const suspects = [
      ...misspeltInFile(Object.keys(file)).map((suspect) => ({ ...suspect, place: '.env' })),
      ...misspeltInEnvironment(Object.keys(process.env)).map((suspect) => ({ ...suspect, place: 'the environment' })),
    ];
    for (const { name, nearest, place } of suspects)
      warnings.push(`unknown variable ${name} in ${place}. Did you mean ${nearest}?`);
    for (const [name, value] of Object.entries(file)) process.env[name] ??= value;
    const { command, variables } = line;
    return { command, config: loadConfig({ ...process.env, ...variables }), warnings };
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof EnvFileError)) throw error;
    const text = error instanceof ConfigError ? explain(error.complaints, line) : error.message;
    console.error([...warnings, text].join('\n'));
    process.exit(1);
  }
}

/** Prints the health of the running server, and ends this process: with 0 if it is healthy, else with 1. */
async function reportHealth(): Promise<never> {
  try {
    console.log(`${await checkHealth(config)} is healthy`);
    process.exit(0);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

function openCallServer(): CallServer {
  try {
    return createCallServer({ ...config, identity, log });
  } catch (error) {
    return giveUp(error);
  }
}

/** Warnings of Node.js go through the log, because some contain a URL. Without its listener (`NODE_NO_WARNINGS`) there are none. */
function logWarningsOfNode(): void {
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (warning: Error & { code?: string }) => {
    log.warn({ reason: warning.code ?? warning.name }, warning.message);
  });
}

/** Libraries write there, for example ioredis, and all of them with `DEBUG=*`. */
function redactStderr(): void {
  const { text } = createRedactor(secretsOf(config));
  const write = process.stderr.write.bind(process.stderr) as (...args: unknown[]) => boolean;
  process.stderr.write = (chunk: string | Uint8Array, ...rest: unknown[]) =>
    write(typeof chunk === 'string' ? text(chunk) : text(Buffer.from(chunk).toString()), ...rest);
}

function giveUp(error: unknown): never {
  if (!(error instanceof IdentityError || error instanceof WorkersError)) throw error;
  log.fatal(error.message);
  process.exit(1);
}

// ---- Being found -------------------------------------------------------------------------------------------------

/** Says where everything is, when that is not what was said last. */
function tellWhere(port: number): void {
  const greeting: Greeting = {
    isSecure: identity !== undefined,
    hosts: hostsToTell(),
    port,
    publicUrl: config.publicUrl,
    socketPath: config.socketPath,
    hasDemo: calls.hasDemo,
    isLan: config.lan,
    fingerprint: identity?.authority?.fingerprint,
    hasColors: process.stdout.isTTY,
  };
  const text = greet(greeting);
  if (text === greeted) return;
  greeted = text;
  const [origin, ...others] = originsOf(greeting);
  const { environment, publicUrl } = config;
  log.info({ port, environment, publicUrl, ...(others.length > 0 && { others }) }, `listening on ${origin}`);
  if (config.logFormat === 'pretty') process.stdout.write(text);
}

function hostsToTell(): [string, ...string[]] {
  if (config.host !== undefined && !['0.0.0.0', '::'].includes(config.host)) return [config.host];
  if (!config.lan) return ['localhost'];
  const hosts = ownHosts();
  const [first = 'localhost', ...others] = [...reachableAddresses(hosts), ...hosts.names.slice(0, 1)];
  return [first, ...others];
}

/** A laptop is carried into another network, or a certificate near its end was replaced. */
async function lookAround(port: number): Promise<void> {
  try {
    if (await calls.renewIdentity()) log.info('new connections get a new certificate');
    lamented = '';
  } catch (error) {
    if (lamented !== String(error))
      log.error({ err: error }, 'the certificate could not be renewed; the old one stays');
    lamented = String(error);
  }
  if (config.lan) tellWhere(port);
}

async function openBrowser(port: number): Promise<void> {
  const place = { isSecure: identity !== undefined, hosts: hostsToTell(), port };
  const [root] = rootsOf({ ...place, publicUrl: config.publicUrl });
  try {
    const { default: open } = await import('open');
    await open(calls.hasDemo ? root + DEMO_PATH : root);
  } catch (error) {
    log.warn({ reason: String(error) }, 'no browser could be opened');
  }
}
