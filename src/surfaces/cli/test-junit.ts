import type { RowReport, Tally, TestReport } from '../../checks/policy/testing/report.ts';
import { visible } from '../../report/text.ts';
import { differenceText, rowText } from './test-text.ts';

/** The report as JUnit XML, as CI servers read it: a suite a test, a case a row; what was not evaluated is skipped. */
export function junitOf(reports: readonly TestReport[], tally: Tally): string {
  const { passed, failed, notEvaluated } = tally;
  // A test that cannot be read is counted as one that failed, and is an error here.
  const errors = reports.filter(({ error }) => error !== undefined).length;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="syncgate test" tests="${passed + failed + notEvaluated}" failures="${failed - errors}" errors="${errors}" skipped="${notEvaluated}">`,
    ...reports.flatMap(suiteLines),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function suiteLines({ file, name, rows, warnings, error }: TestReport): string[] {
  const failed = rows.filter(({ outcome }) => outcome === 'failed').length;
  const skipped = rows.filter(({ outcome }) => outcome === 'not evaluated').length;
  const attributes = `name=${attribute(name || file)} file=${attribute(file)}`;
  if (error !== undefined) {
    const message = `${error.code} ${error.message}`;
    return [
      `  <testsuite ${attributes} tests="1" failures="0" errors="1" skipped="0">`,
      `    <testcase classname=${attribute(name || file)} name="the test can be read">`,
      `      <error message=${attribute(message)}>${text(error.mend)}</error>`,
      '    </testcase>',
      '  </testsuite>',
    ];
  }
  return [
    `  <testsuite ${attributes} tests="${rows.length}" failures="${failed}" errors="0" skipped="${skipped}">`,
    ...rows.flatMap((row) => caseLines(row)),
    ...(warnings.length === 0 ? [] : [`    <system-err>${text(warnings.join('\n'))}</system-err>`]),
    '  </testsuite>',
  ];
}

function caseLines(row: RowReport): string[] {
  const opening = `    <testcase classname=${attribute(row.policy)} name=${attribute(rowText(row))}`;
  if (row.outcome === 'passed') return [`${opening}/>`];
  const body =
    row.outcome === 'failed'
      ? `<failure message=${attribute(row.reason)}>${text([row.place, ...row.differences.map(differenceText)].join('\n'))}</failure>`
      : `<skipped message=${attribute(row.reason)}/>`;
  return [`${opening}>`, `      ${body}`, '    </testcase>'];
}

function attribute(value: string): string {
  return `"${text(visible(value)).replaceAll('"', '&quot;')}"`;
}

/** XML 1.0 has no spelling at all for most control characters. */
function text(value: string): string {
  return value
    .split('\n')
    .map((line) => visible(line))
    .join('\n')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
