/** What became of the tests: plain data, so that a thread can hand it over. */
export interface TestReport {
  readonly file: string;
  /** The name that the test has in its file; empty where it has none. */
  readonly name: string;
  readonly rows: readonly RowReport[];
  readonly warnings: readonly string[];
  /** Why no row could be judged. */
  readonly error: ReportedError | undefined;
}

interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly mend: string;
}

type RowOutcome = 'passed' | 'failed' | 'not evaluated';

/** One entry of `results`. */
export interface RowReport {
  /** `policies/kyverno-test.yaml:14:3` */
  readonly place: string;
  readonly policy: string;
  /** Empty where the row names none. */
  readonly rule: string;
  readonly kind: string;
  /** The resources as the row names them; empty where it means all. */
  readonly resources: readonly string[];
  readonly expected: string;
  /** Empty where the row names none. */
  readonly operation: string;
  readonly outcome: RowOutcome;
  /** Why it did not pass; empty where it did. */
  readonly reason: string;
  /** What did not give the result, one each. */
  readonly differences: readonly RowDifference[];
}

export interface RowDifference {
  /** `Pod default/web` */
  readonly object: string;
  /** The rule that answered, where it is not the row's own. */
  readonly rule: string;
  /** The result it gave, or `nothing`. */
  readonly got: string;
  readonly message: string;
}

/** How many rows came out how; a test without judged rows counts as one that failed. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly notEvaluated: number;
}

/** The reports where every row has to be evaluated: one that was not has failed, whoever counts or shows it. */
export function requiringEvaluated(reports: readonly TestReport[]): readonly TestReport[] {
  return reports.map((report) => ({
    ...report,
    rows: report.rows.map((row) =>
      row.outcome === 'not evaluated' ? { ...row, outcome: 'failed', reason: `not evaluated: ${row.reason}` } : row,
    ),
  }));
}

export function tallyOf(reports: readonly TestReport[]): Tally {
  let [passed, failed, notEvaluated] = [0, 0, 0];
  for (const { rows, error } of reports) {
    if (error !== undefined) failed += 1;
    for (const { outcome } of rows) {
      if (outcome === 'passed') passed += 1;
      else if (outcome === 'failed') failed += 1;
      else notEvaluated += 1;
    }
  }
  return { passed, failed, notEvaluated };
}
