/** Public test suites of other projects. They are read where they lie, and nothing of them is kept in this repository. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const shelf = resolve(process.env['SYNCGATE_SUITES'] ?? resolve(import.meta.dirname, '../../../shared/suites'));

/** What a test says where the folder is not there. */
export const suitesAbsent = `the public suites are not at ${shelf}; SYNCGATE_SUITES names another folder`;

/** The folder of a suite; undefined where it is not there, and its tests then count as skipped. */
export function suiteFolder(name: string): string | undefined {
  const folder = join(shelf, name);
  return existsSync(folder) ? folder : undefined;
}

/** The names of the folders in a folder, sorted. */
export function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
