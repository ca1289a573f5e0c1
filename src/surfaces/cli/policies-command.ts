import type { PolicyDescription } from '../../checks/policy/dialect.ts';
import type { RuleDescription } from '../../checks/policy/rule.ts';
import { colourPalette, count, jsonText, type Palette, plainPalette, visible } from '../../report/text.ts';
import type { Printed } from './judge-command.ts';

/** What `syncgate policies` prints: every policy that is loaded, what its rules match, and what is not evaluated. */
export function printPolicies(
  policies: readonly PolicyDescription[],
  output: 'text' | 'json',
  palette: Palette = plainPalette,
): Printed {
  if (output === 'json') {
    return { stdout: jsonText({ schema: 'syncgate.dev/policies/v1alpha1', policies }), stderr: '', exitCode: 0 };
  }
  const lines = policies.flatMap((policy) => policyLines(policy, palette));
  return { stdout: `${[...lines, summary(policies)].join('\n')}\n`, stderr: '', exitCode: 0 };
}

/** Colours where somebody looks. */
export function paletteFor(terminal: boolean, color: boolean): Palette {
  return terminal && color ? colourPalette : plainPalette;
}

function policyLines(description: PolicyDescription, palette: Palette): string[] {
  const { dialect, policy, source, rules, warnings, excepts = [], until } = description;
  return [
    visible(`${dialect}  ${policy}  `) + palette.dim(visible(source)),
    ...rules.map((rule) => `  ${ruleLine(rule, palette)}`),
    ...excepts.map((each) => `  excepts ${visible(each)}${until === undefined ? '' : `, until ${visible(until)}`}`),
    ...warnings.map((warning) => `  ${palette.warn('warning')} ${visible(warning)}`),
  ];
}

function ruleLine({ name, matches, action, notEvaluated }: RuleDescription, palette: Palette): string {
  const what = notEvaluated === undefined ? action : palette.warn(visible(`not evaluated (${notEvaluated})`));
  const called = name === '' ? '' : `${visible(name)}: `;
  return `${called}${what}${matches === '' ? '' : `, ${visible(matches)}`}`;
}

/** Of policies and their rules; exceptions are counted where there are any. */
function summary(described: readonly PolicyDescription[]): string {
  const policies = described.filter(({ excepts }) => excepts === undefined);
  const exceptions = described.length - policies.length;
  const rules = policies.flatMap((policy) => policy.rules);
  const silent = rules.filter(({ notEvaluated }) => notEvaluated !== undefined).length;
  const policyCount = policies.length === 1 ? '1 policy' : `${policies.length} policies`;
  return `${policyCount}, ${count(rules.length, 'rule')}, ${silent} not evaluated${exceptions === 0 ? '' : `, ${count(exceptions, 'exception')}`}`;
}
