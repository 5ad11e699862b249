// The process: environment in, signals handled. The one file that reads, hears and ends it.

import dotenv from 'dotenv';
import { createCallServer } from './call-server';
import { ConfigError, loadConfig, type Config } from './config';
import { createLogger } from './logger';

dotenv.config({ quiet: true });
const config = readConfig();
const log = createLogger(config);
const calls = createCallServer({ ...config, log });
let isStopping = false;

// Calls go on when nobody reads the log any more.
process.stdout.on('error', () => undefined);
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'unexpected, ending');
  process.exit(1);
});

try {
  const { port } = await calls.listen();
  log.info({ port, environment: config.environment }, `listening on http://localhost:${port}`);
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

function readConfig(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}
