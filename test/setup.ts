// Runs before every test file: a test fails if a server that it starts logs a secret. Rule D9.

import { beforeEach, expect } from 'vitest';
import { forgetSecrets, scanProcesses, takeFindings } from './log-scan';

scanProcesses();

beforeEach(({ onTestFinished }) => {
  forgetSecrets();
  // Registered before those of the test, so that it runs after them: servers log until they are closed.
  onTestFinished(() => expect(takeFindings(), 'log lines with secrets').toEqual([]));
});
