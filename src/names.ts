// Which characters ids and names may have: characters that a reader cannot see, or that reorder what a reader sees, let one
// participant look like another.

/** What display names are made of when a participant has none. */
export const ANONYMOUS = 'Anonymous';

/** Controls, line and paragraph separators, and surrogates without their other half. */
const CONTROLS = String.raw`[\p{Cc}\p{Zl}\p{Zp}]`;
/** Bidi_Control, zero-width and other characters without a glyph (UAX #44), interlinear annotation, lone surrogates. */
const INVISIBLE = String.raw`[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb\p{Cs}]`;

const EMOJI = String.raw`\p{Extended_Pictographic}`;
/** A letter of a script whose letters change their shape by their neighbors. */
const JOINING = `[${[
  ...['Arab', 'Syrc', 'Mand', 'Nkoo', 'Mong', 'Phag', 'Adlm', 'Rohg'],
  ...['Deva', 'Beng', 'Guru', 'Gujr', 'Orya', 'Taml', 'Telu', 'Knda', 'Mlym', 'Sinh', 'Mymr', 'Khmr'],
]
  .map((script) => String.raw`\p{Script=${script}}`)
  .join('')}]`;
const JOINING_LETTER = String.raw`(?=\p{L})${JOINING}`;

/** Invisible characters that a language or an emoji needs, each only where it has an effect. */
const MEANINGFUL = [
  // Zero-width joiner and non-joiner between letters, as in Persian and Sinhala.
  String.raw`(?<=${JOINING_LETTER}\p{M}*)[\u200c\u200d](?=${JOINING_LETTER})`,
  // Zero-width joiner between emoji, and variation selectors of emoji and keycaps (UTS #51).
  String.raw`(?<=${EMOJI}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)\u200d(?=${EMOJI})`,
  String.raw`(?<=${EMOJI})[\ufe0e\ufe0f]`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  // Flags of regions such as Scotland.
  String.raw`(?<=\u{1f3f4})[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{1,6}\u{e007f}`,
  // Variants of ideographs and Mongolian letters, as in Japanese names.
  String.raw`(?<=\p{Script=Han})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
  String.raw`(?<=(?=\p{L})\p{Script=Mongolian})[\u180b-\u180f]`,
].join('|');

const INVISIBLE_OR_MEANINGFUL = new RegExp(`(${MEANINGFUL})|${INVISIBLE}`, 'gu');
const FORBIDDEN_IN_IDS = new RegExp(`${CONTROLS}|(?!(?<=${EMOJI})\\ufe0f)${INVISIBLE}`, 'u');
const FORBIDDEN_IN_NAMES = new RegExp(CONTROLS, 'u');
/** UTS #39, 5.4, forbids more than four nonspacing marks in a row. */
const SURPLUS_MARKS = /([\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]+/gu;
const LEADING_MARKS = /^\p{M}+/u;
const VISIBLE = /[^\p{Z}\p{M}\u2800]/u;

/** Whether an id has only characters that a reader can see, in the order in which they are stored. */
export const isPlainId = (id: string): boolean => !FORBIDDEN_IN_IDS.test(id);

/** Whether a name has no control characters. */
export const isPlainName = (name: string): boolean => !FORBIDDEN_IN_NAMES.test(name);

/**
 * Returns a display name in NFC without bidirectional controls, without invisible characters that have no effect, and with
 * at most four marks per character; `Anonymous` if no visible character is left.
 */
export function toDisplayName(name: string): string {
  const visible = name.replace(INVISIBLE_OR_MEANINGFUL, (_, meaningful?: string) => meaningful ?? '');
  const display = visible.normalize('NFC').replace(LEADING_MARKS, '').replace(SURPLUS_MARKS, '$1');
  return VISIBLE.test(display) ? display : ANONYMOUS;
}
