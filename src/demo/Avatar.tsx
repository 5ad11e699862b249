// Somebody without a picture: the initial of the name, in a color that is theirs.

import type { CSSProperties } from 'react';

export function Avatar({ userId, name }: { userId: string; name: string }) {
  return (
    <div className="avatar" aria-hidden="true" style={{ '--hue': hueOf(userId) } as CSSProperties}>
      {initialOf(name)}
    </div>
  );
}

/** Emojis and accented letters are several code points, and one character. */
const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The first grapheme cluster, in upper case. */
function initialOf(name: string): string {
  const [first] = characters.segment(name.trim().toUpperCase());
  return first?.segment ?? '';
}

/** The golden angle keeps neighbors apart. */
function hueOf(userId: string): number {
  const sum = Array.from(userId).reduce((total, character) => (total * 31 + character.charCodeAt(0)) % 65_536, 0);
  return Math.round(sum * 137.5) % 360;
}
