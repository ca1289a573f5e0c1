import { describe, expect, it } from 'vitest';
import type { Decision, Finding } from '../../src/core/decision.ts';
import { parseDigest } from '../../src/core/image.ts';
import { colourPalette, count, decisionText, findingText, visible } from '../../src/report/text.ts';

const finding: Finding = {
  effect: 'deny',
  code: 'IMAGE_UNSIGNED',
  rule: 'ClusterImagePolicy release',
  message: 'no signature was found',
  mend: 'Sign the digest.',
};
const object = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' };
const digest = parseDigest(`sha256:${'b'.repeat(64)}`);

function decision(more: Partial<Decision>): Decision {
  return {
    verdict: 'denied',
    reasons: [],
    warnings: [],
    checks: [{ check: 'images', status: 'failed', examined: 2 }],
    images: [],
    objects: 2,
    engines: {},
    notEvaluated: [],
    manifestsDigest: undefined,
    ...more,
  };
}

describe('a finding is one line: code, rule, object, image, place, reason, mend', () => {
  it.each([
    ['with nothing more', {}, 'IMAGE_UNSIGNED [ClusterImagePolicy release] no signature was found. Sign the digest.'],
    [
      'with all of it',
      { object, image: 'a.example/web:1', place: { file: 'web.yaml', line: 3, column: 9 } },
      'IMAGE_UNSIGNED [ClusterImagePolicy release] Deployment shop/web, image a.example/web:1, at web.yaml:3:9: no signature was found. Sign the digest.',
    ],
    [
      'with an object without namespace and a file without line',
      { object: { ...object, namespace: undefined }, place: { file: 'web.yaml' } },
      'IMAGE_UNSIGNED [ClusterImagePolicy release] Deployment web, at web.yaml: no signature was found. Sign the digest.',
    ],
  ])('%s', (_, more, text) => expect(findingText({ ...finding, ...more })).toBe(text));

  it.each(['rule', 'message', 'mend', 'image'] as const)('%s cannot forge a second line', (field) => {
    const text = findingText({ ...finding, [field]: 'x\nallowed everything' });
    expect(text).not.toContain('\n');
    expect(text).toContain('x\\u000aallowed everything');
  });
});

describe('characters that a reader would not see, or that would change what is read', () => {
  it.each([
    ['newline', 'a\nb', 'a\\u000ab'],
    ['carriage return', 'a\rb', 'a\\u000db'],
    ['a direction of Arabic', 'a\u061cb', 'a\\u061cb'],
    ['a joiner that nobody sees', 'a\u2060b', 'a\\u2060b'],
    ['letters of tags that nobody sees', 'a\u{e0041}b', 'a\\udb40\\udc41b'],
    ['escape', '\u001b[32mallowed', '\\u001b[32mallowed'],
    ['C1 control', '\u009b31m', '\\u009b31m'],
    ['line separator', 'a\u2028b', 'a\\u2028b'],
    ['right-to-left override', 'a\u202eb', 'a\\u202eb'],
    ['zero width space', 'a\u200bb', 'a\\u200bb'],
    ['byte order mark', '\ufeffa', '\\ufeffa'],
  ])('%s is spelled out', (_, text, shown) => expect(visible(text)).toBe(shown));

  it.each(['Grüße', '日本', '🙂', 'a b', 'a%0Ab'])('%s stays', (text) => expect(visible(text)).toBe(text));
});

describe('rules that gave no verdict', () => {
  const rules = (number: number) =>
    Array.from({ length: number }, (_, n) => ({
      policy: `ClusterPolicy p${n}`,
      rule: n === 0 ? '' : 'r',
      why: 'mutate',
    }));

  it('are named, a line each', () => {
    const text = decisionText(decision({ notEvaluated: rules(2) }));
    expect(text).toContain('not evaluated ClusterPolicy p0: mutate\nnot evaluated ClusterPolicy p1/r: mutate\n');
  });

  it('are counted where they are too many', () => {
    const text = decisionText(decision({ notEvaluated: rules(25) }));
    expect(text.match(/^not evaluated ClusterPolicy/gm)).toHaveLength(20);
    expect(text).toContain('not evaluated 5 more rules (--output json names them)');
  });
});

describe('the whole decision', () => {
  it('is a line a finding and a line that sums up', () => {
    const text = decisionText(
      decision({
        reasons: [finding, { ...finding, effect: 'error' }],
        warnings: [{ ...finding, effect: 'warn' }],
        images: [
          { reference: 'a', digest, by: ['release'] },
          { reference: 'b', digest: undefined, by: [] },
        ],
      }),
    );
    expect(text.split('\n').map((line) => line.slice(0, 24))).toEqual([
      'denied IMAGE_UNSIGNED [C',
      'unevaluated IMAGE_UNSIGN',
      'warning IMAGE_UNSIGNED [',
      'DENIED 2 reasons; no man',
      '',
    ]);
    expect(text).toContain('(2 objects; 1 image verified, 1 let through unverified; images failed)');
  });

  it.each([
    ['allowed', 'allowed 2 objects'],
    ['denied', 'DENIED 0 reasons; no manifest was emitted'],
    ['unevaluated', 'NOT EVALUATED 0 reasons; no manifest was emitted'],
    ['usage', 'NOT EVALUATED 0 reasons; no manifest was emitted'],
  ] as const)('%s', (verdict, text) => expect(decisionText(decision({ verdict }))).toContain(text));

  it('says when it did not come to objects', () => {
    expect(decisionText(decision({ objects: undefined }))).toContain('nothing rendered');
  });

  it('has colour only where it was asked for', () => {
    expect(decisionText(decision({ reasons: [finding] }))).not.toContain('\u001b');
    expect(decisionText(decision({ reasons: [finding] }), colourPalette)).toContain('\u001b[31mdenied\u001b[39m');
  });
});

it.each([
  [0, '0 objects'],
  [1, '1 object'],
  [2, '2 objects'],
])('counts %d', (number, text) => expect(count(number, 'object')).toBe(text));
