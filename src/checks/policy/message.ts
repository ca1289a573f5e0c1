/** What a policy says is shown in terminals, logs and a web page: more than this helps nobody. */
const MAX_LENGTH = 1000;

/**
 * A policy's text as a finding may show it: one line, no control or direction-changing characters (an object's name may
 * be in it, and names of hostile objects can hold escape sequences), no full stop at the end.
 */
export function oneLine(text: string, maxLength = MAX_LENGTH): string {
  const flat = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .replace(/\.$/, '');
  return flat.length <= maxLength ? flat : `${flat.slice(0, maxLength - 1).toWellFormed()}…`;
}
