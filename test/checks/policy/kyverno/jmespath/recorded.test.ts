import { expect, it } from 'vitest';
import { differenceFrom, readRecord } from '../../../../support/kyverno/query-record.ts';
import { randomQuery } from '../../../../support/kyverno/random-queries.ts';

const record = readRecord();

it('answers what Kyverno 1.19.1 answers', () => {
  const differences = record.map(differenceFrom).filter((one) => one !== undefined);
  expect(differences.filter((one) => one !== 'refused')).toEqual([]);
  expect(record.length).toBeGreaterThan(2_000);
  expect(differences.length).toBeLessThan(record.length / 50);
});

it('was recorded from queries of which many find something, and many do not', () => {
  expect(record.filter(([, json]) => json !== null && json !== 'null').length).toBeGreaterThan(500);
  expect(record.filter(([, json]) => json === null).length).toBeGreaterThan(500);
});

it('makes the same queries of the same seed', () => {
  expect(Array.from({ length: 50 }, (_, at) => randomQuery(at))).toEqual(
    Array.from({ length: 50 }, (_, at) => randomQuery(at)),
  );
});
