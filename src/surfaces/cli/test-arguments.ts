import { quote, usage } from './usage.ts';

/** Runs tests of policies. */
export interface TestCommand {
  readonly name: 'test';
  readonly paths: readonly string[];
  readonly filter: {
    readonly policy: string | undefined;
    readonly rule: string | undefined;
    readonly resource: string | undefined;
  };
  readonly options: {
    readonly output: 'text' | 'json' | 'junit';
    /** Only what did not pass is printed. */
    readonly quiet: boolean;
    readonly color: boolean;
    /** Whether a row that was not evaluated is a failure. */
    readonly requireEvaluated: boolean;
    readonly timeoutSeconds: number | undefined;
  };
}

export const testFlags = {
  output: { type: 'string', short: 'o' },
  quiet: { type: 'boolean', short: 'q' },
  'no-color': { type: 'boolean' },
  policy: { type: 'string' },
  rule: { type: 'string' },
  resource: { type: 'string' },
  'require-evaluated': { type: 'boolean' },
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const testFlagHelp: readonly (readonly [string, string])[] = [
  ['    --policy GLOB', 'only rows about policies of this name; * is any text, ? one character'],
  ['    --rule GLOB', 'only rows that name such a rule'],
  ['    --resource GLOB', 'only such resources (NAME, or NAMESPACE/NAME as the row writes it)'],
  ['    --require-evaluated', 'a row that was not evaluated fails'],
  ['    --timeout SECONDS', 'for all tests together; 600 by itself'],
  ['-q, --quiet', 'print only what did not pass, rows that were not evaluated among it'],
  ['    --no-color', 'no colours, even on a terminal'],
];

/** Throws USAGE. */
export function readTest(values: Readonly<Record<string, unknown>>, positionals: readonly string[]): TestCommand {
  if (positionals.length === 0) {
    throw usage('syncgate test takes one path or more: a kyverno-test.yaml, or a folder above some');
  }
  const output = values['output'] ?? 'text';
  if (output !== 'text' && output !== 'json' && output !== 'junit') {
    throw usage(`syncgate test --output takes text, json or junit, not ${quote(output)}`);
  }
  const timeout = values['timeout'] as string | undefined;
  if (timeout !== undefined && !/^[1-9]\d{0,3}s?$/.test(timeout)) {
    throw usage(`--timeout takes whole seconds from 1 to 9999, not ${quote(timeout)}`);
  }
  const glob = (name: 'policy' | 'rule' | 'resource'): string | undefined => {
    const value = values[name] as string | undefined;
    if (value === '') throw usage(`--${name} takes a name, and was given none`);
    return value;
  };
  return {
    name: 'test',
    paths: positionals,
    filter: { policy: glob('policy'), rule: glob('rule'), resource: glob('resource') },
    options: {
      output,
      quiet: values['quiet'] === true,
      color: values['no-color'] !== true,
      requireEvaluated: values['require-evaluated'] === true,
      timeoutSeconds: timeout === undefined ? undefined : Number.parseInt(timeout, 10),
    },
  };
}
