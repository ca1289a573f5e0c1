/**
 * Replaces `$NAME` and `${NAME}` as Go's os.Expand does over a fixed list of variables, `$$` by `$`, and a name that
 * is not in the list by nothing (Argo CD's `Env.Envsubst`).
 */
export function substitute(text: string, variables: Readonly<Record<string, string>>): string {
  let result = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0 || dollar + 1 >= text.length) break;
    result += text.slice(at, dollar);
    const { name, length } = shellName(text.slice(dollar + 1));
    if (name === '' && length === 0) result += '$';
    else if (name === '$') result += '$';
    else if (name !== '') result += Object.hasOwn(variables, name) ? variables[name] : '';
    at = dollar + 1 + length;
  }
  return result + text.slice(at);
}

/** The name after a `$` and how much of the text it takes; an empty name that takes something is bad syntax, and eaten. */
function shellName(text: string): { name: string; length: number } {
  const first = text[0] as string;
  if (first === '{') {
    if (text.length > 2 && isSpecial(text[1] as string) && text[2] === '}')
      return { name: text[1] as string, length: 3 };
    const end = text.indexOf('}');
    if (end < 0) return { name: '', length: 1 };
    return end === 1 ? { name: '', length: 2 } : { name: text.slice(1, end), length: end + 1 };
  }
  if (isSpecial(first)) return { name: first, length: 1 };
  const name = /^[A-Za-z0-9_]*/.exec(text)?.[0] ?? '';
  return { name, length: name.length };
}

function isSpecial(character: string): boolean {
  return /^[*#$@!?0-9-]$/.test(character);
}
