import { describe, expect, it } from 'vitest';
import { GatedSourceSpec, milliseconds } from '../../../src/surfaces/flux/gated-source.ts';
import { GATED_SOURCE_CASES } from '../../support/flux/gated-source-cases.ts';

describe('a GatedSource as the controller reads it', () => {
  it.each(GATED_SOURCE_CASES.filter(({ ofName }) => ofName === undefined))('$what', ({ spec, refusal }) => {
    expect(GatedSourceSpec.safeParse(spec).success).toBe(refusal === undefined);
  });

  it('has defaults', () => {
    const spec = { sourceRef: { kind: 'Bucket', name: 'a' }, interval: '1m' };
    expect(GatedSourceSpec.parse(spec)).toEqual({ ...spec, path: './' });
  });

  it.each([
    ['a field that nobody knows', { postBuld: {} }],
    ['one deeper down', { sourceRef: { kind: 'Bucket', name: 'a', apiVersion: 'v1' } }],
  ])('refuses %s', (_, more) => {
    const spec = { sourceRef: { kind: 'Bucket', name: 'a' }, interval: '1m', ...more };
    expect(GatedSourceSpec.safeParse(spec).success).toBe(false);
  });
});

it.each([
  ['10s', 10_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1_500],
  ['250ms', 250],
  ['1m1m', 120_000],
  ['2562047h', 9_223_369_200_000],
  ['2562048h', undefined],
  ['', undefined],
  ['10', undefined],
  ['s', undefined],
  ['-1s', undefined],
  ['1s ', undefined],
  ['1s\n', undefined],
])('%j lasts %s ms', (text, expected) => expect(milliseconds(text)).toBe(expected));
