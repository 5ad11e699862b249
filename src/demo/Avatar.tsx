// Somebody without a picture: their initials, in a color that is theirs.

import type { CSSProperties } from 'react';

export function Avatar({ userId, name }: { userId: string; name: string }) {
  return (
    <div className="avatar" aria-hidden="true" style={{ '--hue': hueOf(userId) } as CSSProperties}>
      {initialsOf(name)}
    </div>
  );
}

/** Emojis and accented letters are several code points, and one character. */
const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Of the first word and the last. */
function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== '');
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map((word = '') => Array.from(characters.segment(word))[0]?.segment.toUpperCase()).join('');
}

/** The golden angle keeps neighbors apart. */
function hueOf(userId: string): number {
  const sum = Array.from(userId).reduce((total, character) => (total * 31 + character.charCodeAt(0)) % 65_536, 0);
  return Math.round(sum * 137.5) % 360;
}
