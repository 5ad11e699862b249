// What the tests of documents read out of them.

/** The cells of each row of the table under a heading. */
export function table(document: string, heading: string): string[][] {
  const section = document.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  if (rows.length < 3) throw new Error(`no table under ${heading}`);
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The first block of code in a language. */
export function code(document: string, language: string): string {
  const [, block] = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(document) ?? [];
  if (block === undefined) throw new Error(`no block of ${language}`);
  return block;
}
