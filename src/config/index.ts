// What other modules use of the configuration.

export { ConfigError, type Complaint } from './complaints';
export type { Config, ConfigOptions, ProcessConfig, RateLimits } from './config';
export { loadConfig } from './environment';
export { iceWarnings } from './ice-warnings';
export { misspeltInEnvironment, misspeltInFile, type Misspelt } from './misspelt';
export { nearestOf } from './nearest';
export { readOptions } from './options';
export { PERCENT_ENCODE } from './redis-url';
export { secretsOf, type SecretOptions } from './secrets';
export { defaultOf, secretNames, variableNames, type VariableName } from './variables';
