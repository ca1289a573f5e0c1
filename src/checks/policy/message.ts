/** What a policy says is shown in terminals, logs and a web page: more than this helps nobody. */
const MAX_LENGTH = 1000;

/**
 * A policy's text as a finding may show it: one line, no control or direction-changing characters (an object's name may
 * be in it, and names of hostile objects can hold escape sequences), no full stop at the end.
 */
export function oneLine(text: string, maxLength = MAX_LENGTH): string {
  // Nearly every text is fine as it is, and rules say thousands of them.
  if (text.length <= maxLength && /^(?:[\x21-\x7e]+(?: [\x21-\x7e]+)*)?$/.test(text)) return text.replace(/\.$/, '');
  const flat = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .replace(/\.$/, '');
  return flat.length <= maxLength ? flat : `${flat.slice(0, maxLength - 1).toWellFormed()}…`;
}
