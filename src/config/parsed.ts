// Texts in the configuration that are parsed into a normalized form.

import * as z from 'zod';

/** A value that is not accepted: what is expected instead. */
export class Unexpected extends Error {}

/** A value that is not accepted: what to do, as the whole complaint. */
export class Instruction extends Unexpected {}

/**
 * A text that `parse` normalizes. An {@link Unexpected} that it throws says what is expected; `description` says it where
 * a value is no text.
 */
export const parsed = (description: string, parse: (text: string) => string) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof Unexpected)) throw error;
        const params = { isInstruction: error instanceof Instruction };
        context.addIssue({ code: 'custom', message: error.message || description, input: text, params });
        return z.NEVER;
      }
    })
    .describe(description);
