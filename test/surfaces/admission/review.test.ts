import { describe, expect, it } from 'vitest';
import { changesNothing, endsDeletion, readReview } from '../../../src/surfaces/admission/review.ts';
import { configMap, type ReviewFields, reviewText } from '../../support/admission/review.ts';

const read = (fields: ReviewFields = {}) => readReview(Buffer.from(reviewText(fields)));
const admitted = (fields: ReviewFields = {}) => read(fields).admitted();
const invalid = expect.objectContaining({ code: 'ADMISSION_REVIEW_INVALID' });
const ofPods = {
  operation: 'UPDATE',
  object: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'web', namespace: 'apps' } },
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
};
const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

describe('a review', () => {
  it('is read as the API server means it', () => {
    const review = read({ operation: 'UPDATE', dryRun: true });
    expect(review).toMatchObject({
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      name: 'settings',
      namespace: 'apps',
      operation: 'UPDATE',
      subresource: '',
      fieldManager: 'kustomize-controller',
      dryRun: true,
      userInfo: { groups: ['system:authenticated'], extra: {} },
    });
    expect(review.admitted()).toMatchObject({ operation: 'UPDATE', object: configMap(), oldObject: configMap() });
  });

  it('may say more than is known here, and less', () => {
    const review = read({ more: { somethingNew: { deep: [1] }, userInfo: {}, options: null, dryRun: null } });
    expect(review).toMatchObject({ fieldManager: '', dryRun: false, userInfo: { username: '', groups: [] } });
  });

  it('keeps integers that a double cannot hold, and keys that an object of JavaScript has', () => {
    const text = reviewText({ object: configMap() }).replace(
      '"metadata":{',
      '"count":9007199254740993,"__proto__":{"a":1},"metadata":{',
    );
    const { object } = readReview(Buffer.from(text)).admitted();
    expect(object['count']).toBe(9007199254740993n);
    expect(Object.keys(object)).toContain('__proto__');
    expect(Object.getPrototypeOf(object)).toBeNull();
  });

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['null', 'null'],
    ['a list', '[]'],
    ['an empty object', '{}'],
    ['another version', reviewText().replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1')],
    ['another kind', reviewText().replace('"AdmissionReview"', '"AdmissionReport"')],
    ['no request', '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}'],
    ['no uid', reviewText({ uid: '' })],
    ['a uid that would leave its place in an answer', reviewText({ uid: '","allowed":true,"x":"' })],
    ['a uid of a thousand characters', reviewText({ uid: 'a'.repeat(1000) })],
    ['groups that are no list', reviewText({ more: { userInfo: { groups: 'system:masters' } } })],
    ['an operation that is no text', reviewText({ more: { operation: 1 } })],
    ['a kind without a name', reviewText({ more: { kind: { group: '', version: 'v1', kind: '' } } })],
    ['what is cut off', reviewText().slice(0, -5)],
  ])('that is %s is none', (_, text) => {
    expect(() => readReview(Buffer.from(text))).toThrow(invalid);
  });

  it('that is not UTF-8 is none', () => {
    expect(() => readReview(Buffer.from([...Buffer.from(reviewText()), 0xff]))).toThrow(invalid);
  });

  it.each<[string, ReviewFields]>([
    ['no object', { object: null }],
    ['a text for an object', { object: 'Pod' }],
    ['a list for an object', { object: [] }],
    ['an object of another kind', { object: configMap('settings', { kind: 'Secret' }) }],
    ['an object of another version', { object: configMap('settings', { apiVersion: 'v2' }) }],
    ['an old object of another kind', { operation: 'UPDATE', oldObject: configMap('a', { kind: 'Secret' }) }],
    ['an update of nothing', { operation: 'UPDATE', oldObject: null }],
    ['the creation of what is there', { operation: 'CREATE', oldObject: configMap() }],
    ['DELETE', { operation: 'DELETE' }],
    ['CONNECT', { operation: 'CONNECT' }],
    ['an operation of tomorrow', { operation: 'RENAME' }],
    ['status', { subResource: 'status' }],
    ['scale', { subResource: 'scale' }],
    ['ephemeralcontainers of what is no Pod', { subResource: 'ephemeralcontainers' }],
    ['resize of what is no Pod', { subResource: 'resize' }],
    ['a Scale that says it is a resize of Pods', { ...ofPods, subResource: 'resize', kind: scale }],
    ['the status of Pods', { ...ofPods, subResource: 'status' }],
  ])('about %s is not judged', (_, fields) => {
    expect(() => admitted(fields)).toThrow(invalid);
  });

  it('that says a key twice is not judged: nobody knows which of the two an engine would take', () => {
    const text = reviewText().replace('"metadata":{', '"metadata":{"name":"other"},"metadata":{');
    expect(() => readReview(Buffer.from(text)).admitted()).toThrow(invalid);
  });

  it('nested without end is not judged', () => {
    const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    const text = reviewText().replace('"metadata":{', `"deep":${deep},"metadata":{`);
    expect(() => readReview(Buffer.from(text)).admitted()).toThrow(invalid);
  });

  it.each(['ephemeralcontainers', 'resize'])('about pods/%s is judged, as the Pod that it is', (subResource) => {
    expect(admitted({ ...ofPods, subResource })).toMatchObject({ subresource: subResource, object: ofPods.object });
  });
});

describe('an update that changes nothing', () => {
  it.each<[string, ReviewFields, boolean]>([
    ['is the object as it is', { operation: 'UPDATE' }, true],
    ['in another order of keys', { operation: 'UPDATE', oldObject: { apiVersion: 'v1', ...configMap() } }, true],
    ['is not one with another label', { operation: 'UPDATE', oldObject: configMap('settings', { data: {} }) }, false],
    ['is no creation', { operation: 'CREATE' }, false],
  ])('%s', (_, fields, answer) => expect(changesNothing(admitted(fields))).toBe(answer));

  it('differs by one in integers that JSON.parse takes for the same', () => {
    const text = reviewText({
      operation: 'UPDATE',
      object: configMap('a', { n: 1 }),
      oldObject: configMap('a', { n: 2 }),
    })
      .replace('"n":1', '"n":9007199254740993')
      .replace('"n":2', '"n":9007199254740992');
    expect(changesNothing(readReview(Buffer.from(text)).admitted())).toBe(false);
  });
});

describe('the end of a deletion', () => {
  it('is found among a hundred thousand finalizers', () => {
    const finalizers = Array.from({ length: 200_000 }, (_, i) => `f/${i}`);
    const dying = (rest: readonly string[]) =>
      configMap('settings', {
        metadata: {
          name: 'settings',
          namespace: 'apps',
          deletionTimestamp: '2026-01-01T00:00:00Z',
          finalizers: [...rest],
        },
      });
    const ending = { operation: 'UPDATE', object: dying(finalizers.slice(1)), oldObject: dying(finalizers) } as const;
    expect(endsDeletion(admitted(ending))).toBe(true);
  });

  const meta = (more: object) => ({ metadata: { name: 'settings', namespace: 'apps', ...more } });
  const dying = { deletionTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '1' };
  const before = configMap('settings', meta({ ...dying, finalizers: ['a', 'b'] }));
  const after = (finalizers: readonly string[] | undefined, more: object = {}, rest: object = {}) =>
    configMap('settings', {
      ...meta({ ...dying, ...more, resourceVersion: '2', ...(finalizers && { finalizers }) }),
      ...rest,
    });

  it.each<[string, object, object, boolean]>([
    ['takes one finalizer away', after(['b']), before, true],
    ['takes the last one away', after(undefined), before, true],
    ['adds none', after(['a', 'b', 'c']), before, false],
    ['changes no label', after(['b'], { labels: { a: 'b' } }), before, false],
    ['changes no data', after(['b'], {}, { data: { a: 'b' } }), before, false],
    ['is of what is being deleted', after(['b']), configMap('settings', meta({ finalizers: ['a', 'b'] })), false],
  ])('%s', (_, object, oldObject, answer) => {
    expect(endsDeletion(admitted({ operation: 'UPDATE', object, oldObject }))).toBe(answer);
  });
});
