// What is wrong with a configuration: one line per variable or option, without secrets.

import * as z from 'zod';
import { createRedactor } from '../redaction';
import { nearestOf } from './nearest';

export interface Complaint {
  /** The variable, or the path of the option. */
  variable: string;
  /** What was found, and what is expected. */
  text: string;
}

/** A configuration with wrong values. The message has one line per variable or option. */
export class ConfigError extends TypeError {
  readonly code = 'INVALID_CONFIG';
  readonly complaints: Complaint[];

  constructor(complaints: Complaint[]) {
    super(complaints.map(({ variable, text }) => `${variable}: ${text}`).join('\n'));
    this.name = 'ConfigError';
    this.complaints = complaints;
  }
}

/** Values longer than this are cut in error messages. */
const SHOWN_LENGTH = 200;
const SHOWN_ITEMS = 10;

const { text: redact } = createRedactor([]);

/** Returns a value as an error message shows it: on one line, without what is before an `@`, and without contents of objects. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    const text = redact(value.replace(/.*@/s, '…@')).slice(0, SHOWN_LENGTH);
    return JSON.stringify(text).replace(
      /[\p{C}\p{Zl}\p{Zp}]/gu,
      (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
    );
  }
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `[${value.slice(0, SHOWN_ITEMS).map(showItem).join(', ')}]`;
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

const showItem = (item: unknown) => (Array.isArray(item) ? 'an array' : show(item));

export const complain = (variable: string, found: string, expected: string): Complaint => ({
  variable,
  text: `found ${found}, expected ${expected}`,
});

/**
 * Returns one complaint per variable or option, the first of each.
 *
 * @param nameOf - returns the name for a path in the schema
 * @param showAt - returns how to show the value that was found at a path
 */
export function complaintsOf(
  { issues }: z.ZodError,
  schema: z.ZodType,
  nameOf: (path: PropertyKey[]) => string,
  showAt: (path: PropertyKey[], input: unknown) => string,
): Complaint[] {
  const complaints = new Map<string, Complaint>();
  const add = (complaint: Complaint) => {
    if (!complaints.has(complaint.variable)) complaints.set(complaint.variable, complaint);
  };
  for (const issue of issues) {
    const { path } = issue;
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys((bare(at(schema, path)) as z.ZodObject).shape);
      for (const key of issue.keys) add({ variable: nameOf([...path, key]), text: unknownOption(key, known) });
    } else if (issue.code === 'custom' && issue.params?.isInstruction) {
      add({ variable: nameOf(path), text: issue.message });
    } else {
      const expected = issue.code === 'custom' ? issue.message : descriptionOf(at(schema, path));
      add(complain(nameOf(path), showAt(path, issue.input), expected));
    }
  }
  return [...complaints.values()];
}

function unknownOption(name: string, known: string[]): string {
  const nearest = nearestOf(name, known);
  return nearest === undefined ? 'unknown option' : `unknown option. Did you mean ${nearest}?`;
}

/** The schema at a path. */
function at(schema: z.ZodType, path: PropertyKey[]): z.ZodType {
  return path.reduce<z.ZodType>((outer, key) => {
    const inner = bare(outer);
    if (inner instanceof z.ZodObject) return (inner.shape as Record<PropertyKey, z.ZodType>)[key] ?? inner;
    return inner instanceof z.ZodArray ? (inner.element as z.ZodType) : inner;
  }, schema);
}

/** The schema inside of defaults and conversions; undefined if it is not inside of any. */
function inside(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return schema.unwrap() as z.ZodType;
  return schema instanceof z.ZodPipe ? (schema.out as z.ZodType) : undefined;
}

/** The schema inside of all defaults and conversions. */
function bare(schema: z.ZodType): z.ZodType {
  const inner = inside(schema);
  return inner ? bare(inner) : schema;
}

/** The description of a schema or of what is inside of it. */
function descriptionOf(schema: z.ZodType): string {
  if (schema.description) return schema.description;
  const inner = inside(schema);
  return inner ? descriptionOf(inner) : 'another value';
}

/** The default of a schema; undefined if it has none. */
export function defaultIn(schema: z.ZodType): unknown {
  if (schema instanceof z.ZodDefault) return schema.def.defaultValue;
  const inner = inside(schema);
  return inner && defaultIn(inner);
}
