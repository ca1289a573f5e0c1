/** What Unicode calls white space; JavaScript's own trim takes U+FEFF too, and leaves U+0085. */
const leading = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const space = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** A text without the white space at its ends, as Go's strings.TrimSpace. */
export function trimSpace(text: string): string {
  const rest = text.replace(leading, '');
  let end = rest.length;
  while (end > 0 && space.test(rest.charAt(end - 1))) end--;
  return rest.slice(0, end);
}
