import { GateError } from '../../../core/errors.ts';
import { nearest } from '../../../core/settings-file.ts';
import type { ReadDocuments } from '../document.ts';
import { fit, readFile } from './documents.ts';
import { type RowFilter, takesRow } from './rows.ts';
import { type ExpectedResult, KyvernoTest } from './settings.ts';

const flags = ['policy', 'rule', 'resource'] as const;

/** Whether anything but every row is asked for. */
export function isFilter(filter: RowFilter): boolean {
  return flags.some((flag) => filter[flag] !== undefined);
}

/** The rows of one file, without what its tests name. Never throws for what stands in it. */
export function rowsIn(file: string, read: ReadDocuments): readonly ExpectedResult[] {
  try {
    return readFile(file, read).flatMap((document) => fit(KyvernoTest, document, 'the test').results ?? []);
  } catch (error) {
    if (error instanceof GateError) return [];
    throw error;
  }
}

/**
 * The error of a filter that takes none of the rows. It names the flags that fit no row by themselves, or all that were
 * given where each of them does, and the name that was probably meant.
 */
export function unmatchedError(filter: RowFilter, rows: readonly ExpectedResult[]): GateError {
  const none: RowFilter = { policy: undefined, rule: undefined, resource: undefined };
  const given = flags.filter((flag) => filter[flag] !== undefined);
  const alone = given.filter((flag) => !rows.some((row) => takesRow({ ...none, [flag]: filter[flag] }, row)));
  const blamed = alone.length > 0 ? alone : given;
  const shown = blamed.map((flag) => `--${flag} ${(filter[flag] ?? '').slice(0, 100)}`).join(' ');
  const hints = alone.flatMap((flag) => nearest(filter[flag] ?? '', namesOf(flag, rows)) ?? []);
  const hint = hints.length === 0 ? '' : `; did you mean ${hints.join(' and ')}?`;
  const why = alone.length === 0 && given.length > 1 ? ' together' : '';
  return new GateError('USAGE', `no row matches ${shown}${why}${hint}`, {
    mend: 'Name what stands in results of a test; * is any text, ? one character.',
  });
}

function namesOf(flag: (typeof flags)[number], rows: readonly ExpectedResult[]): string[] {
  const names = rows.flatMap(({ policy, rule = '', resources = [], resourceSpecs = [] }) => {
    if (flag === 'policy') return [policy];
    return flag === 'rule' ? [rule] : [...resources, ...resourceSpecs.map(({ name = '' }) => name)];
  });
  return [...new Set(names)].filter((name) => name !== '');
}
