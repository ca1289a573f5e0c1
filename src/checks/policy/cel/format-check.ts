import { CelError } from './error.ts';
import { type Clause, expandFormat, WANTED } from './library/string-format.ts';
import type { Resolved } from './resolved.ts';
import { type CelType, runtimeTypeName } from './types.ts';

type TypeOf = (node: Resolved) => CelType;

/** What a clause can print: the kinds of types, in the words of the complaint about any other. */
const TAKES: Readonly<
  Record<Clause['kind'], readonly [keyof (typeof WANTED)['localised'] | 'text', readonly CelType['kind'][]]>
> = {
  s: [
    'text',
    ['list', 'map', 'int', 'uint', 'double', 'bool', 'string', 'timestamp', 'bytes', 'duration', 'type', 'null'],
  ],
  d: ['decimal', ['int', 'uint']],
  f: ['fixed', ['double', 'string']],
  e: ['scientific', ['double', 'string']],
  b: ['binary', ['int', 'uint', 'bool']],
  o: ['octal', ['int', 'uint']],
  x: ['hexadecimal', ['int', 'uint', 'string', 'bytes']],
  X: ['hexadecimal', ['int', 'uint', 'string', 'bytes']],
};

/**
 * Checks a call of `format` whose text and list of arguments are written out: that there are as many arguments as
 * clauses, and that each is of a type that its clause prints. Throws CelError (`type`).
 */
export function checkFormat(node: Resolved & { kind: 'call' }, typeOf: TypeOf): void {
  const [text, list] = node.arguments;
  if (text?.kind !== 'constant' || typeof text.value !== 'string' || list?.kind !== 'list') return;
  const { elements } = list;
  let used = 0;
  try {
    expandFormat(
      text.value,
      (index) => index < elements.length,
      ({ kind }, index) => {
        used++;
        const element = elements[index];
        if (element !== undefined) checkArgument(kind, element.value, typeOf);
        return '';
      },
    );
  } catch (cause) {
    if (!(cause instanceof CelError)) throw cause;
    throw new CelError('type', cause.message, cause.offset ?? node.offset);
  }
  if (elements.length > used) {
    const words = `too many arguments supplied to string.format (expected ${used}, got ${elements.length})`;
    throw new CelError('type', words, node.offset);
  }
}

function checkArgument(kind: Clause['kind'], argument: Resolved, typeOf: TypeOf): void {
  const type = typeOf(argument);
  const [wanted, kinds] = TAKES[kind];
  if (type.kind !== 'dyn' && !kinds.includes(type.kind)) {
    const words = wanted === 'text' ? WANTED.text : WANTED.localised[wanted];
    throw new CelError(
      'type',
      `error during formatting: ${words}, was given ${runtimeTypeName(type)}`,
      argument.offset,
    );
  }
  if (kind !== 's') return;
  if (argument.kind === 'list') for (const { value } of argument.elements) checkArgument(kind, value, typeOf);
  if (argument.kind === 'map') {
    for (const { key, value } of argument.entries) {
      checkArgument(kind, key, typeOf);
      checkArgument(kind, value, typeOf);
    }
  }
}
