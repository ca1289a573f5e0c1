import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RowReport, TestReport } from '../../src/checks/policy/testing/report.ts';
import { builtCommand } from '../support/cli.ts';
import { suiteFolder, suitesAbsent } from '../support/suites.ts';

/** The public policies of Kyverno with their own tests, by the command: every row that is about a verdict passes. */

interface Listed {
  /** The test, seen from the suite's folder, and which of its rows, from 0. */
  readonly test: string;
  readonly row: number;
  readonly kyverno: string;
  readonly reason: string;
}

const listed = JSON.parse(
  readFileSync(resolve(import.meta.dirname, 'kyverno-policies-listed.json'), 'utf8'),
) as readonly Listed[];

const suite = suiteFolder('kyverno-policies');

if (suite === undefined) it.skip(`kyverno-policies: ${suitesAbsent}`);
else
  describe('the policies of Kyverno, with their own tests', () => {
    let reports: readonly TestReport[];
    let summary: string;

    beforeAll(async () => {
      const command = await builtCommand();
      const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((done) => {
        const options = { maxBuffer: 1 << 28, timeout: 100_000 };
        execFile(process.execPath, [command, 'test', suite, '--output', 'json'], options, (_, out, err) =>
          done({ stdout: out, stderr: err }),
        );
      });
      reports = JSON.parse(stdout).tests;
      summary = stderr.trim();
    });

    const rows = () =>
      reports.flatMap((report) =>
        report.rows.map((row, number) => ({ id: `${relative(suite, report.file)} row ${number}`, row })),
      );
    const idsWith = (outcome: RowReport['outcome']) =>
      rows().flatMap(({ id, row }) => (row.outcome === outcome ? [id] : []));

    it('are all read', () => {
      expect(reports.filter(({ error }) => error !== undefined)).toEqual([]);
      expect([reports.length, rows().length]).toEqual([338, 1064]);
    });

    it('fail in no row but the few that are listed with their reason', () => {
      expect(listed.length).toBeLessThanOrEqual(5);
      for (const { kyverno, reason } of listed) expect(`${kyverno} ${reason}`).not.toMatch(/not implemented|todo/i);
      expect(idsWith('failed').sort()).toEqual(listed.map(({ test, row }) => `${test} row ${row}`).sort());
    });

    it('pass in all others that are about a verdict', () => {
      expect(idsWith('passed')).toHaveLength(943 - listed.length);
      expect(idsWith('not evaluated')).toHaveLength(121);
      expect(summary).toBe(`${943 - listed.length} passed, ${listed.length} failed, 121 not evaluated`);
    });

    it('and what is not evaluated says that it mutates or generates', () => {
      for (const { row } of rows().filter(({ row: each }) => each.outcome === 'not evaluated')) {
        expect(row.reason).toMatch(/mutat|generat|patched/);
      }
    });
  });
