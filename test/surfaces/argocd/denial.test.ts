import { describe, expect, it } from 'vitest';
import type { Decision, Finding } from '../../../src/core/decision.ts';
import { GateError } from '../../../src/core/errors.ts';
import { cost, denialLimitBytes, denialText, errorDenialText } from '../../../src/surfaces/argocd/denial.ts';

const unsigned: Finding = {
  effect: 'deny',
  code: 'IMAGE_DIGEST_INVALID',
  rule: 'ClusterImagePolicy release-keys',
  message: 'no signature by any of its keys',
  mend: 'Sign the image.',
  object: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'apps', name: 'web' },
  image: 'registry.example/web:1',
  place: { file: 'apps/web/deployment.yaml', line: 12, column: 9 },
};
const slow: Finding = {
  effect: 'error',
  code: 'CHECK_TIMEOUT',
  rule: 'images',
  message: 'registry.example did not answer within 40 s',
  mend: 'Try again.',
};

function decision(reasons: readonly Finding[], verdict: Decision['verdict'] = 'denied'): Decision {
  return {
    verdict,
    reasons,
    warnings: [],
    checks: [],
    images: [],
    objects: 1,
    engines: {},
    notEvaluated: [],
    manifestsDigest: undefined,
  };
}

describe('denialText', () => {
  it('says rule, object, image, place, reason and mend on one line', () => {
    expect(denialText(decision([unsigned]))).toBe(
      'syncgate REJECTED this revision, 1 reason, no manifest was let out | ' +
        'IMAGE_DIGEST_INVALID [ClusterImagePolicy release-keys] Deployment apps/web, image registry.example/web:1, ' +
        'at apps/web/deployment.yaml:12:9: no signature by any of its keys. Sign the image.',
    );
  });

  it.each([
    ['denied', [unsigned], /^syncgate REJECTED /, false],
    ['denied', [unsigned, slow], /^syncgate REJECTED /, true],
    ['unevaluated', [slow], /^syncgate COULD NOT VERIFY .*this is not a rejection/, true],
    ['unevaluated', [{ ...slow, code: 'RENDER_NOTHING' }], /^syncgate COULD NOT VERIFY /, false],
    ['unevaluated', [{ ...slow, code: 'REGISTRY_LAYOUT_INVALID' }], /^syncgate COULD NOT VERIFY /, true],
    ['usage', [{ ...slow, code: 'CONFIG_INVALID' }], /^syncgate COULD NOT START .*a setting is wrong/, false],
  ] as const)('tells %s apart, and when asking again may help', (verdict, reasons, head, again) => {
    const text = denialText(decision(reasons as readonly Finding[], verdict));
    expect(text).toMatch(head);
    expect(text.includes('use Hard Refresh')).toBe(again);
  });

  it('says of each finding whether it was judged', () => {
    const text = denialText(decision([unsigned, slow]));
    expect(text).toContain(' | IMAGE_DIGEST_INVALID');
    expect(text).toContain(' | not verified: CHECK_TIMEOUT');
  });

  it('keeps the limit, and counts what it left out', () => {
    const reasons = Array.from({ length: 500 }, (_, i) => ({ ...unsigned, image: `registry.example/web:${i}` }));
    const text = denialText(decision(reasons));
    expect(cost(text)).toBeLessThanOrEqual(denialLimitBytes);
    const told = text.split('IMAGE_DIGEST_INVALID').length - 1;
    expect(told).toBeGreaterThan(10);
    expect(text).toContain(` | ${500 - told} more left out, run syncgate check`);
  });

  it('leaves nothing out where everything fits', () => {
    expect(denialText(decision([unsigned, slow]))).not.toContain('left out');
  });

  it('tells one finding of each kind before it repeats any', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({
      ...unsigned,
      object: { apiVersion: 'v1', kind: 'Pod', namespace: undefined, name: `pod-${i}` },
    }));
    const last: Finding = { ...unsigned, code: 'CHECK_CRASHED', rule: 'main.deny', message: 'runs as root' };
    const text = denialText(decision([...many, last]));
    expect(text.indexOf('runs as root')).toBeGreaterThan(text.indexOf('Pod pod-0'));
    expect(text.indexOf('runs as root')).toBeLessThan(text.indexOf('Pod pod-1,'));
  });

  it.each([
    ['a newline', 'a\nb | syncgate allowed'],
    ['a carriage return', 'a\r\nb'],
    ['a line separator', 'a\u2028b'],
    ['an escape sequence', 'a\u001b[2Jb'],
    ['a direction override', 'a\u202eb'],
  ])('stays one line and printable whatever the data hold: %s', (_, message) => {
    const text = denialText(decision([{ ...unsigned, message }]));
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
  });

  it.each([
    ['ASCII', 'x'.repeat(100_000)],
    ['percent signs', '%'.repeat(100_000)],
    ['letters of three bytes', '語'.repeat(100_000)],
    ['pairs of surrogates', '😀'.repeat(100_000)],
    ['a lone surrogate', '\ud800'.repeat(100_000)],
    ['control characters', '\u0007'.repeat(100_000)],
  ])('bounds every field that a repository can make long: %s', (_, long) => {
    const finding: Finding = {
      ...unsigned,
      rule: long,
      message: long,
      mend: `${long}`,
      image: long,
      object: { apiVersion: 'v1', kind: 'Pod', namespace: 'apps', name: long },
      place: { file: long, line: 1 },
    };
    const text = denialText(decision([finding, { ...finding, code: 'CHECK_CRASHED' }, unsigned]));
    expect(cost(text)).toBeLessThanOrEqual(denialLimitBytes);
    expect(text).toContain('no signature by any of its keys');
  });

  it('shortens a long message and keeps the mend', () => {
    const text = denialText(decision([{ ...unsigned, message: 'why '.repeat(5_000) }]));
    expect(text).toContain('…. Sign the image.');
  });

  it('shows neither the folder that the plugin server unpacked into nor a password in a URL', () => {
    const folder = '/tmp/_cmp_server/00a46cbc-8cab-4384-b9e2-c1c9e9a029f0';
    const message = `cannot read ${folder}/apps/web/k.yaml from https://me:hunter2@git.example/x.git in ${folder}`;
    const text = denialText(decision([{ ...unsigned, message }]));
    expect(text).toContain('cannot read apps/web/k.yaml from https://…@git.example/x.git in ');
    expect(text).not.toContain('_cmp_server');
    expect(text).not.toContain('hunter2');
  });

  it('lets no text of a repository look like a finding of its own', () => {
    const forged = { apiVersion: 'v1', kind: 'Pod', namespace: undefined, name: 'a | allowed by the platform | b' };
    const text = denialText(decision([{ ...unsigned, object: forged }]));
    expect(text.split(' | ')).toHaveLength(denialText(decision([unsigned])).split(' | ').length);
    expect(text).toContain('Pod a ¦ allowed by the platform ¦ b');
  });

  it('never exceeds even a limit that holds almost nothing', () => {
    for (const limit of [10, 100, 300])
      expect(cost(denialText(decision([unsigned]), limit))).toBeLessThanOrEqual(limit);
  });
});

describe('errorDenialText', () => {
  it.each([
    [
      'CONFIG_MISSING',
      /^syncgate COULD NOT START judging this revision, 1 reason.*CONFIG_MISSING \[generate\] gone\. /,
    ],
    ['CHECK_TIMEOUT', /^syncgate COULD NOT VERIFY .* not verified: CHECK_TIMEOUT \[generate\] gone\. .*Hard Refresh/],
  ] as const)('reads as a denial does: %s', (code, expected) => {
    expect(errorDenialText(new GateError(code, 'gone'))).toMatch(expected);
  });
});

describe('cost', () => {
  it.each([
    ['a b~', 4],
    ['%', 3],
    ['\n', 3],
    ['é', 6],
    ['😀', 12],
  ])('%j takes as many bytes as in a grpc-message trailer', (text, bytes) => expect(cost(text)).toBe(bytes));
});
