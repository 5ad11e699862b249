// Names of one writing direction in a text of the other, where markup cannot separate them.

/** FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE, the plain-text form of `<bdi>`: https://www.unicode.org/reports/tr9/ */
export const isolate = (name: string): string => `\u2068${name}\u2069`;
