import { describe, expect, it } from 'vitest';
import { createMemory, questionOf, type Remembered } from '../../../src/surfaces/admission/memory.ts';
import { configMap, type ReviewFields, reviewText } from '../../support/admission/review.ts';

const verdict = { allowed: true, message: '', warnings: [], annotations: {} };
const remembered = (until: number): Remembered => ({ namespace: 'apps', rules: 'r', verdict, until });
const question = (fields: ReviewFields = {}) => questionOf(Buffer.from(reviewText(fields)));

describe('what is remembered', () => {
  it('is forgotten in time', () => {
    let now = 0;
    const memory = createMemory(() => now);
    memory.set('a', remembered(10));
    expect(memory.get('a')).toBeDefined();
    now = 10;
    expect(memory.get('a')).toBeUndefined();
    now = 0;
    expect(memory.get('a')).toBeUndefined();
  });

  it('is bounded, and what was asked for last stays', () => {
    const memory = createMemory(() => 0, 2);
    memory.set('a', remembered(10));
    memory.set('b', remembered(10));
    memory.get('a');
    memory.set('c', remembered(10));
    expect(['a', 'b', 'c'].map((key) => memory.get(key) !== undefined)).toEqual([true, false, true]);
  });
});

describe('a question', () => {
  it('is the same whatever its uid', () => {
    expect(question({ uid: 'a' }).key).toBe(question({ uid: 'b' }).key);
    expect(question({ uid: 'a' }).uid).toBe('a');
  });

  it.each<[string, ReviewFields]>([
    ['another object', { object: configMap('settings', { data: { a: 'b' } }) }],
    ['an integer that JSON.parse would round', { object: configMap('settings', { n: 9007199254740992 }) }],
    ['another user', { username: 'jane' }],
    ['another operation', { operation: 'UPDATE' }],
    ['another old object', { oldObject: configMap('settings', { data: {} }) }],
    ['a dry run', { dryRun: true }],
    ['another field manager', { fieldManager: 'x' }],
    ['another namespace', { namespace: 'other' }],
    ['a subresource', { subResource: 'status' }],
    ['something unknown', { more: { future: 1 } }],
  ])('is another one with %s', (_, fields) => expect(question(fields).key).not.toBe(question().key));

  it.each([
    ['a review that begins otherwise', ` ${reviewText()}`],
    ['a uid without an end', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"aaaa'],
    ['a uid of other characters', reviewText({ uid: 'a"b' })],
    ['an empty uid', reviewText({ uid: '' })],
    ['a long uid', reviewText({ uid: 'a'.repeat(200) })],
    ['nothing', ''],
  ])('cannot be asked again by %s', (_, text) => expect(questionOf(Buffer.from(text)).uid).toBeUndefined());
});
