import { describe, expect, it } from 'vitest';
import { isPlainId, isPlainName, toDisplayName } from '../src/names';

const code = (text: string) =>
  text.replace(/[^ -~]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
const marksIn = (text: string) => [...text.matchAll(/[\p{Mn}\p{Me}]/gu)].length;

/** Characters that reorder text or have no glyph, and what may be at their side. */
const HIDDEN = [
  ...[
    '\u061c',
    '\u200e',
    '\u200f',
    '\u202a',
    '\u202b',
    '\u202c',
    '\u202d',
    '\u202e',
    '\u2066',
    '\u2067',
    '\u2068',
    '\u2069',
  ],
  ...[
    '\u200b',
    '\u200c',
    '\u200d',
    '\u2060',
    '\ufeff',
    '\u00ad',
    '\u034f',
    '\u115f',
    '\u1160',
    '\u3164',
    '\uffa0',
    '\u180e',
  ],
  ...[
    '\u2061',
    '\u2064',
    '\u206a',
    '\u206f',
    '\ufe00',
    '\ufe0f',
    '\ufff9',
    '\u{e0001}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{1d173}',
  ],
  ...['\ud800', '\udfff'],
];

describe('[R18] ids', () => {
  it('may have every visible character', () => {
    for (const id of [
      'a',
      'Ünïcödé 🎧',
      '❤️',
      '名前',
      'مرحبا',
      'נעמה',
      'हिन्दी',
      '__proto__',
      '../..',
      'a:b',
      '👍🏽',
      '🇩🇪',
      ' ',
    ])
      expect(isPlainId(id), code(id)).toBe(true);
  });

  it('may not have controls, bidirectional controls, invisible characters or lone surrogates', () => {
    const controls = ['\u0000', '\n', '\t', '\u007f', '\u0085', '\u2028', '\u2029'];
    for (const hidden of [...HIDDEN, ...controls])
      for (const id of [hidden, `a${hidden}`, `${hidden}a`, `a${hidden}b`, `名${hidden}前`])
        expect(isPlainId(id), code(id)).toBe(false);
  });
});

describe('[R18] names', () => {
  it('lose bidirectional controls, invisible characters and lone surrogates', () => {
    for (const hidden of HIDDEN)
      for (const name of [`${hidden}Ada`, `A${hidden}da`, `Ada${hidden}`, `A${hidden}${hidden}da`])
        expect(toDisplayName(name), code(name)).toBe('Ada');
    expect(toDisplayName('\u202eknaB ruoY\u202c')).toBe('knaB ruoY');
  });

  it.each([
    ['a Persian word with a non-joiner', 'می\u200cخواهم'],
    ['a Sinhala name with a joiner', 'ශ්\u200dරී'],
    ['a Malayalam chillu with a non-joiner', 'ന്\u200cമ'],
    ['a family of emoji', '👨\u200d👩\u200d👧'],
    ['an emoji with a skin tone and a profession', '👩🏽\u200d🚀'],
    ['an emoji with a variation selector', '❤\ufe0f'],
    ['a rainbow flag', '🏳\ufe0f\u200d🌈'],
    ['a keycap', '1\ufe0f\u20e3'],
    ['the flag of Scotland', '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}'],
    ['a Japanese name with a variant of an ideograph', '葛\u{e0100}城'],
    ['a Hebrew name with points', 'שָׁלוֹם'.normalize('NFC')],
    ['a Thai name', 'กิ่งแก้ว'],
    ['a Vietnamese name', 'Nguyễn'],
    ['a name with a space', 'Ada  Lovelace '],
  ])('keep %s', (_what, name) => {
    expect(toDisplayName(name)).toBe(name);
  });

  it('lose joiners that join nothing', () => {
    for (const name of ['A\u200dda', 'Ada\u200d', '\u200dAda', 'Ada\u200c\u200d'])
      expect(toDisplayName(name)).toBe('Ada');
    expect(toDisplayName('👩\u200d')).toBe('👩');
    expect(toDisplayName('می\u200c\u200cخ')).toBe('میخ');
    expect(toDisplayName('می\u200c')).toBe('می');
  });

  it('are normalized to NFC', () => {
    expect(toDisplayName('Ame\u0301lie')).toBe('Amélie');
    expect(toDisplayName('e\u200b\u0301')).toBe('é');
  });

  it('have at most four marks per character', () => {
    const zalgo = `Z${'\u0335\u0322\u034a\u0301'.repeat(15)}a`;
    expect(marksIn(toDisplayName(zalgo))).toBe(4);
    expect(marksIn(toDisplayName(`Z${'\u034f\u0335'.repeat(30)}`))).toBe(4);
    expect(toDisplayName('\u0301\u0301Ada')).toBe('Ada');
  });

  it('are Anonymous when nothing is left to see', () => {
    for (const name of [' ', '\u200b', '\u202e \u202c', '\u3164', '\u2800', '\u00a0', '\u0301', '\ud800'])
      expect(toDisplayName(name), code(name)).toBe('Anonymous');
  });

  it('may have no control characters', () => {
    for (const name of ['a\nb', 'a\u0000', 'a\u2028b', 'a\u0085']) expect(isPlainName(name), code(name)).toBe(false);
    expect(isPlainName('Ünïcödé 🎧')).toBe(true);
  });

  it('stay as they are when they are cleaned again', () => {
    const parts = [
      ...HIDDEN,
      'a',
      ' ',
      'é',
      'م',
      'ی',
      'ශ',
      '\u0dca',
      '👩',
      '🏽',
      '🏴',
      '葛',
      '\u0301',
      '\u0335',
      '1',
      '\u20e3',
    ];
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 5000; round += 1) {
      const name = Array.from({ length: 1 + random(10) }, () => parts[random(parts.length)]).join('');
      const display = toDisplayName(name);
      expect(toDisplayName(display), code(name)).toBe(display);
      expect(/[\p{Bidi_Control}\p{Cs}]/u.test(display), code(name)).toBe(false);
    }
  });
});
