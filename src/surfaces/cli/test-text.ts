import type { RowDifference, RowReport, Tally, TestReport } from '../../checks/policy/testing/report.ts';
import { type Palette, visible, withMend } from '../../report/text.ts';

/** The last line of every report. */
export function tallyText({ passed, failed, notEvaluated }: Tally): string {
  return `${passed} passed, ${failed} failed, ${notEvaluated} not evaluated`;
}

/** One test for a person; `quiet` leaves out what passed. */
export function reportLines(report: TestReport, palette: Palette, quiet: boolean): string[] {
  const { file, name, rows, warnings, error } = report;
  const title = visible(name === '' ? file : `${file} (${name})`);
  if (error !== undefined)
    return [`${palette.bad('ERROR')} ${title}`, `  ${visible(`${error.code} ${withMend(error)}`)}`];
  const passed = rows.filter(({ outcome }) => outcome === 'passed').length;
  const rest = rows.filter(({ outcome }) => outcome !== 'passed');
  const failed = rest.some(({ outcome }) => outcome === 'failed');
  const lines = [
    ...warnings.map((warning) => `  ${palette.warn('warning')} ${visible(warning)}`),
    ...rest.flatMap((row) => rowLines(row, palette)),
  ];
  if (quiet && rest.length === 0 && passed > 0) return [];
  const heading = failed ? palette.bad('FAILED') : passed > 0 ? palette.good('passed') : palette.dim('not evaluated');
  const count = palette.dim(`${passed} of ${rows.length} ${rows.length === 1 ? 'row' : 'rows'} passed`);
  return [`${heading} ${title}: ${count}`, ...lines];
}

function rowLines(row: RowReport, palette: Palette): string[] {
  const about = visible(rowText(row));
  if (row.outcome === 'not evaluated') return [`  ${palette.dim('not evaluated')} ${about}: ${visible(row.reason)}`];
  return [
    `  ${palette.bad('failed')} ${about}: ${visible(row.reason)} ${palette.dim(`(${visible(row.place)})`)}`,
    ...row.differences.map((each) => `    ${visible(differenceText(each))}`),
  ];
}

/** `require-labels check-team, Pod good, bad: pass` */
export function rowText({ policy, rule, kind, resources, expected, operation }: RowReport): string {
  const which = resources.length === 0 ? `every ${kind || 'resource'}` : `${kind} ${resources.join(', ')}`.trim();
  const when = operation === '' ? '' : ` on ${operation}`;
  return `${policy}${rule === '' ? '' : ` ${rule}`}, ${which}${when}: ${expected}`;
}

export function differenceText({ object, rule, got, message }: RowDifference): string {
  const by = rule === '' ? '' : ` by ${rule}`;
  // Kyverno's own words for an error begin with what was got.
  const said = message.startsWith(`${got}: `) ? message.slice(got.length + 2) : message;
  return `${object}: ${got}${by}${said === '' ? '' : `: ${said}`}`;
}
