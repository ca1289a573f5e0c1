import type { Timing } from './measure.ts';

/** One line of the report: a measured value against its peer, and against what it may cost. */
export interface Line {
  readonly what: string;
  readonly timing: Timing;
  /** The contender that it is measured against; undefined for that one itself. */
  readonly against?: Timing;
  /** What was aimed for, as it is printed, and whether it was reached. */
  readonly aim?: { readonly text: string; readonly reached: boolean };
}

/** A part of the report: a heading, lines, and remarks below them. */
export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly remarks?: readonly string[];
}

/** `at most 1.3 × its time`, held to the medians. */
export function atMost(factor: number, timing: Timing, against: Timing): NonNullable<Line['aim']> {
  return { text: `≤ ${factor} ×`, reached: timing.median <= factor * against.median };
}

/** `at least 3 × faster`, held to the medians. */
export function fasterBy(factor: number, timing: Timing, against: Timing): NonNullable<Line['aim']> {
  return { text: `≥ ${factor} × faster`, reached: timing.median * factor <= against.median };
}

export function sectionText({ title, lines, remarks = [] }: Section): string {
  const rows = lines.map(({ what, timing, against, aim }) => [
    what,
    `${milliseconds(timing.median)} ms`,
    `${milliseconds(timing.least)}–${milliseconds(timing.most)}`,
    against === undefined ? '' : ratio(timing.median / against.median),
    against === undefined
      ? ''
      : `${timing.median >= against.median ? '+' : '−'}${milliseconds(Math.abs(timing.median - against.median))} ms`,
    aim === undefined ? '' : `${aim.text} ${aim.reached ? 'reached' : 'MISSED'}`,
  ]);
  const table = alignedText([['', 'median', 'spread', 'ratio', 'apart', 'aim'], ...rows]);
  return [title, table, ...remarks.map((remark) => `  ${remark}`), ''].join('\n');
}

/** Columns of one width each; the first to the left, the others to the right. */
export function alignedText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const gap = ' '.repeat((widths[column] ?? 0) - [...cell].length);
          return column === 0 ? cell + gap : gap + cell;
        })
        .join('  '),
    )
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}

function milliseconds(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function ratio(value: number): string {
  return `× ${value >= 10 ? value.toFixed(0) : value.toFixed(2)}`;
}
