/**
 * Upper and lower case one character at a time, as Go's unicode tables have it, and not by the rules of whole words and
 * of letters that grow: `ß` has no upper case here, and a last `Σ` is a `σ`.
 */

const beyondAscii = /[^\0-\x7f]/;

export function upperCase(text: string): string {
  if (!beyondAscii.test(text)) return text.toUpperCase();
  return Array.from(text, upperCharacter).join('');
}

export function lowerCase(text: string): string {
  if (!beyondAscii.test(text)) return text.toLowerCase();
  return Array.from(text, lowerCharacter).join('');
}

/** Whether two texts differ in nothing but the case of their letters. */
export function equalFold(a: string, b: string): boolean {
  if (a === b) return true;
  if (!beyondAscii.test(a) && !beyondAscii.test(b)) return a.toLowerCase() === b.toLowerCase();
  const left = Array.from(a);
  const right = Array.from(b);
  return left.length === right.length && left.every((one, at) => folded(one) === folded(right[at] as string));
}

function upperCharacter(character: string): string {
  const upper = character.toUpperCase();
  if (characters(upper) === 1) return upper;
  // Greek letters with an iota below: their upper case grows by a letter in words, and is one character alone.
  const code = character.codePointAt(0) as number;
  if (code >= 0x1f80 && code <= 0x1faf) return (code & 0x8) === 0 ? String.fromCodePoint(code + 8) : character;
  if (code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3) return String.fromCodePoint(code + 9);
  return character;
}

function lowerCharacter(character: string): string {
  if (character === '\u0130') return 'i';
  const lower = character.toLowerCase();
  return characters(lower) === 1 ? lower : character;
}

function folded(character: string): string {
  // The Turkish i, with and without a dot, folds into itself alone.
  if (character === '\u0130' || character === '\u0131') return character;
  return lowerCharacter(upperCharacter(character));
}

function characters(text: string): number {
  return text.length === 1 ? 1 : Array.from(text).length;
}
