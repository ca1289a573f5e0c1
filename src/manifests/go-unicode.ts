/**
 * Letters and digits as Go's `unicode` package has them (1.21 to 1.26: Unicode 15.0). What a newer Unicode has assigned
 * since is none to Go, whose programs read names and order keys by it: this engine alone would read other names.
 */
const letter = /^\p{L}$/u;
const digit = /^\p{Nd}$/u;

/** Hexadecimal, first and last. */
const newerLetter = rangesOf(`
  88f c5c cdc 1c89-1c8a a7cb-a7cf a7d2 a7d4 a7da-a7dc a7f1 105c0-105f3 10940-10959 10d4a-10d65 10d6f-10d85
  10ec2-10ec7 11380-11389 1138b 1138e 11390-113b5 113b7 113d1 113d3 11bc0-11be0 11db0-11ddb 13460-143fa
  16100-1611d 16d40-16d6c 16ea0-16eb8 16ebb-16ed3 16ff2-16ff3 187f8-187ff 18cff 18d09-18d1e 18d80-18df2
  1e5d0-1e5ed 1e5f0 1e6c0-1e6de 1e6e0-1e6e2 1e6e4-1e6e5 1e6e7-1e6ed 1e6f0-1e6f4 1e6fe-1e6ff 2b73a-2b73f
  2cea2-2cead 2ebf0-2ee5d 323b0-33479
`);
const newerDigit = rangesOf(`
  10d40-10d49 116d0-116e3 11bf0-11bf9 11de0-11de9 16130-16139 16d70-16d79 1ccf0-1ccf9 1e5f1-1e5fa
`);

/** `unicode.IsLetter`, of one code point. */
export function isLetter(character: string): boolean {
  return letter.test(character) && !isIn(newerLetter, character);
}

/** `unicode.IsDigit`, of one code point. */
export function isDigit(character: string): boolean {
  return digit.test(character) && !isIn(newerDigit, character);
}

type Range = readonly [first: number, last: number];

function rangesOf(text: string): readonly Range[] {
  return text
    .trim()
    .split(/\s+/)
    .map((range) => {
      const [first = '', last = first] = range.split('-');
      return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
    });
}

function isIn(ranges: readonly Range[], character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return code > 0x7f && ranges.some(([first, last]) => code >= first && code <= last);
}
