import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerBody } from '../../../src/surfaces/admission/answer.ts';
import { denialMessage, messageLimit, warningLimit, warningsOf } from '../../../src/surfaces/admission/denial.ts';
import { decisionOf, finding } from '../../support/admission/review.ts';

/** What Flux looks for (fluxcd/pkg ssa/errors/immutable.go), in any letter case and with any or no space between. */
const triggers = [/is\s*immutable/iu, /immutable\s*field/iu, /immutable/i];

/** What a client reads: the API server puts the name of the webhook before it. */
function asClientsReadIt(message: string): string {
  return `admission webhook "admission.syncgate.dev" denied the request: ${message}`;
}

describe('a denial never says what Flux deletes for', () => {
  it.each([
    ['field is immutable'],
    ['spec.selector: Invalid value: field is immutable'],
    ['this is an immutable field'],
    ['IS IMMUTABLE and Immutable Field'],
    ['is\timmutable'],
    ['is\nimmutable'],
    ['is\u00a0immutable\u2003field'],
    ['iſ immutable field'],
    ['immimmutableutable field'],
    ['is immutableimmutable field'],
    ['immutable'],
    ['is ImmuTable\r\n field'],
  ])('%j', (message) => {
    const said = denialMessage(decisionOf('denied', { reasons: [finding(message)] }), 'ConfigMap apps/a', 'production');
    for (const trigger of triggers) expect(asClientsReadIt(said)).not.toMatch(trigger);
  });

  it('in no field of a finding, and not where two findings or a name meet the words of others', () => {
    const reasons = [
      finding('this is', { mend: 'immutable field', rule: 'is immutable', image: 'immutable/field', field: 'is' }),
      finding('immutable', { mend: 'field is', rule: 'immutable field' }),
    ];
    const said = denialMessage(decisionOf('denied', { reasons }), 'is immutable', 'immutable field');
    for (const trigger of triggers) expect(asClientsReadIt(said)).not.toMatch(trigger);
  });

  it('whatever else is said', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'is',
        ' ',
        '\t',
        '\n',
        'immutable',
        'Immutable',
        'imm',
        'utable',
        'able',
        'field',
        '\u00a0',
        '\u200b',
      ),
      fc.string(),
    );
    const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, text, text, (message, mend, name) => {
        const said = denialMessage(decisionOf('denied', { reasons: [finding(message, { mend })] }), name, name);
        for (const trigger of triggers) expect(asClientsReadIt(said)).not.toMatch(trigger);
      }),
    );
  });

  it('nor do warnings and annotations', () => {
    const warnings = warningsOf(
      decisionOf('allowed', { warnings: [finding('field is immutable', { effect: 'warn' })] }),
    );
    const body = answerBody('1', { allowed: true, message: '', warnings, annotations: { rule: 'immutable field' } });
    expect(body).not.toMatch(/immutable/i);
    expect(warnings).toHaveLength(1);
  });
});

describe('a denial', () => {
  it('says whose rules, which, why, and the mend', () => {
    const said = denialMessage(decisionOf('denied'), 'ConfigMap apps/a', 'production');
    expect(said).toBe(
      'syncgate refuses ConfigMap apps/a by Gate production, 1 reason:\n- POLICY_DENIED [main.deny] it is not liked. Change it.',
    );
  });

  it('tells what could not be judged from what was refused', () => {
    expect(denialMessage(decisionOf('unevaluated'), 'ConfigMap apps/a', undefined)).toMatch(
      /^syncgate could not judge ConfigMap apps\/a, and what is not judged is refused, 1 reason:\n/,
    );
  });

  it('is bounded, however much there is to say, and says how much is left out', () => {
    const reasons = Array.from({ length: 500 }, (_, i) => finding(`${i} ${'x'.repeat(5000)}`));
    const said = denialMessage(decisionOf('denied', { reasons }), 'x'.repeat(10_000), 'y'.repeat(10_000));
    expect(said.length).toBeLessThanOrEqual(messageLimit);
    expect(said).toMatch(/and \d+ more reasons$/);
  });

  it('holds no line of another, no control character, and no password', () => {
    const reasons = [finding('one\n- POLICY_DENIED [other] two\u001b[31m https://user:secret@registry.example/v2')];
    const said = denialMessage(decisionOf('denied', { reasons }), 'a\nb', undefined);
    expect(said.split('\n')).toHaveLength(2);
    expect(said).not.toContain('\u001b');
    expect(said).not.toContain('secret');
  });
});

describe('warnings', () => {
  it('are short, few, and each told once', () => {
    const warn = (message: string) => finding(message, { effect: 'warn' });
    const many = Array.from({ length: 30 }, (_, i) => warn(`${i} ${'ä'.repeat(500)}`));
    const said = warningsOf(decisionOf('allowed', { warnings: [warn('a'), warn('a'), ...many] }));
    expect(said).toHaveLength(10);
    for (const each of said) expect(each.length).toBeLessThanOrEqual(warningLimit);
    expect(said.at(-1)).toBe('syncgate: 22 more warnings');
  });

  it('about files of the platform are not for whoever applies', () => {
    const hazard = finding('a policy is deprecated', { effect: 'warn', code: 'POLICY_HAZARD' });
    expect(warningsOf(decisionOf('allowed', { warnings: [hazard] }))).toEqual([]);
  });
});

describe('the answer', () => {
  it('to what is refused is 403 Forbidden and nothing else', () => {
    const body = answerBody('u', { allowed: false, message: 'no', warnings: [], annotations: { verdict: 'denied' } });
    expect(JSON.parse(body)).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: {
        uid: 'u',
        allowed: false,
        status: { status: 'Failure', code: 403, reason: 'Forbidden', message: 'no' },
        auditAnnotations: { verdict: 'denied' },
      },
    });
  });
});
