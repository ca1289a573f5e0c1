import { describe, expect, it } from 'vitest';
import type { Finding, Outcome } from '../../src/core/decision.ts';
import { CODES, type Code, GateError } from '../../src/core/errors.ts';
import { decide, findingFrom } from '../../src/decision/decide.ts';

const evidence = { objects: 1, images: [], engines: {}, notEvaluated: [] };
const passed: Outcome = { kind: 'completed', examined: 1, findings: [] };

function finding(effect: Finding['effect'], rule = 'r', code: Code = 'IMAGE_UNSIGNED'): Finding {
  return { effect, code, rule, message: 'm', mend: 'f' };
}

function completed(...findings: Finding[]): Outcome {
  return { kind: 'completed', examined: 1, findings };
}

function errored(code: Code): Outcome {
  return { kind: 'errored', error: new GateError(code, 'm') };
}

describe('the verdict', () => {
  const rows: readonly (readonly [string, readonly string[], Readonly<Record<string, Outcome | undefined>>, string])[] =
    [
      ['every required check passed', ['a', 'b'], { a: passed, b: passed }, 'allowed'],
      ['a check only warned', ['a'], { a: completed(finding('warn')) }, 'allowed'],
      ['a check denied', ['a', 'b'], { a: passed, b: completed(finding('deny')) }, 'denied'],
      ['a check could not judge one thing', ['a'], { a: completed(finding('error')) }, 'unevaluated'],
      ['a check could not finish', ['a'], { a: errored('CHECK_TIMEOUT') }, 'unevaluated'],
      ['a check stopped at something that is refused', ['a'], { a: errored('SOURCE_OUTSIDE') }, 'denied'],
      ['a check found its settings wrong', ['a'], { a: errored('CONFIG_INVALID') }, 'usage'],
      [
        'one denied and another could not finish',
        ['a', 'b'],
        { a: errored('CHECK_TIMEOUT'), b: completed(finding('deny')) },
        'denied',
      ],
      [
        'one denied and another has wrong settings',
        ['a', 'b'],
        { a: errored('USAGE'), b: completed(finding('deny')) },
        'denied',
      ],
      [
        'settings are wrong and another could not finish',
        ['a', 'b'],
        { a: errored('CHECK_TIMEOUT'), b: errored('USAGE') },
        'usage',
      ],
      ['a required check is missing', ['a', 'b'], { a: passed }, 'unevaluated'],
      ['a required check answered nothing', ['a'], { a: undefined }, 'unevaluated'],
      ['a check that nobody required denied', ['a'], { a: passed, b: completed(finding('deny')) }, 'denied'],
    ];
  it.each(rows)('%s', (_, required, outcomes, verdict) => {
    const answers = Object.entries(outcomes).map(([check, outcome]) => ({ check, outcome }));
    const decision = decide(required, answers, evidence);
    expect(decision.verdict).toBe(verdict);
    // No verdict but `allowed` comes without a reason, and no reason with `allowed`.
    expect(decision.reasons.length > 0).toBe(verdict !== 'allowed');
    expect(decision.checks.map((each) => each.check)).toEqual(expect.arrayContaining([...required]));
  });

  it('names a check that did not run', () => {
    const decision = decide(['images'], [], evidence);
    expect(decision.reasons).toMatchObject([
      { code: 'CHECK_SILENT', rule: 'images', message: 'the images check did not run' },
    ]);
    expect(decision.checks).toEqual([{ check: 'images', status: 'errored', examined: 0 }]);
  });

  it('puts what was refused before what could not be judged, each in the order of the checks', () => {
    const answers = [
      { check: 'a', outcome: completed(finding('error', '1'), finding('deny', '2')) },
      { check: 'b', outcome: completed(finding('warn', '3'), finding('deny', '4')) },
    ];
    const decision = decide(['a', 'b'], answers, evidence);
    expect(decision.reasons.map((each) => each.rule)).toEqual(['2', '4', '1']);
    expect(decision.warnings.map((each) => each.rule)).toEqual(['3']);
    expect(decision.checks.map((each) => each.status)).toEqual(['failed', 'failed']);
  });
});

describe('an error as a finding', () => {
  it.each(Object.keys(CODES) as Code[])('%s withholds', (code) => {
    const { effect } = findingFrom('rule', new GateError(code, 'm'));
    expect(effect).toBe(CODES[code].answer === 'denied' ? 'deny' : 'error');
  });

  it.each([
    ['a.yaml:3:7', { file: 'a.yaml', line: 3, column: 7 }],
    ['a.yaml:3', { file: 'a.yaml', line: 3 }],
    ['a.yaml', { file: 'a.yaml' }],
    ['spec.images', { file: 'spec.images' }],
    ['two\nlines:4', { file: 'two\nlines', line: 4 }],
  ])('reads the place %j', (place, expected) => {
    expect(findingFrom('rule', new GateError('CONFIG_INVALID', 'm', { place })).place).toEqual(expected);
  });

  it('does not tell the place twice where the message begins with it', () => {
    const error = new GateError('CONFIG_INVALID', 'gate.yaml:3:7: unknown key', { place: 'gate.yaml:3:7' });
    expect(findingFrom('rule', error).message).toBe('unknown key');
  });

  it('has no place where the error has none, and the mend of its code where it brings none', () => {
    const made = findingFrom('rule', new GateError('USAGE', 'm'));
    expect(made).toEqual({ effect: 'error', code: 'USAGE', rule: 'rule', message: 'm', mend: CODES.USAGE.mend });
  });
});

describe('the catalogue of codes', () => {
  it.each(Object.entries(CODES))('%s has a meaning and a mend, one line each', (_, entry) => {
    expect(entry.meaning).toMatch(/^[^\n]{10,300}[.]$/);
    expect(entry.mend).toMatch(/^[^\n]{5,300}[.]$/);
  });
});
