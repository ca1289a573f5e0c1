import { describe, expect, it } from 'vitest';
import { ImagesSettings, suspicion } from '../../../src/checks/images/settings.ts';

const least = { trust: [{ path: 'trust/' }], unmatched: 'deny', pin: true };

describe('the settings of the images check', () => {
  it('are few, and the rest has the strict or a documented default', () => {
    expect(ImagesSettings.parse(least)).toEqual({
      ...least,
      delivering: { allow: [] },
      predicates: [],
      maxAge: [],
      trustRoots: { files: {}, ageWarningDays: 180, refresh: false },
      limits: {
        images: 500,
        concurrency: 8,
        signatures: 100,
        referrers: 100,
        signatureBytes: 8 * 1024 * 1024,
        imageBytes: 64 * 1024 * 1024,
        verifySeconds: 10,
      },
    });
  });

  it.each([
    ['unmatched left out', { trust: [], pin: true }],
    ['pin left out', { trust: [], unmatched: 'deny' }],
    ['trust left out', { unmatched: 'deny', pin: true }],
    ['an unknown key', { ...least, pins: true }],
    ['an unknown choice', { ...least, unmatched: 'ignore' }],
    ['a bound of none', { ...least, limits: { signatures: 0 } }],
    ['a bound without end', { ...least, limits: { signatures: 1_000_000 } }],
    ['a kind without its group', { ...least, delivering: { allow: ['Application'] } }],
    ['a pattern of kinds', { ...least, delivering: { allow: ['argoproj.io/*'] } }],
    ['unknownKinds allowed without a word', { ...least, unknownKinds: 'allow' }],
    ['an empty path', { ...least, trust: [{ path: '' }] }],
    ['a root by a name that no trustRootRef can have', { ...least, trustRoots: { files: { 'Corp!': 'root.json' } } }],
    ['a root without a file', { ...least, trustRoots: { files: { corp: '' } } }],
    ['an age of nothing', { ...least, trustRoots: { ageWarningDays: 0 } }],
    ['an age of no days', { ...least, maxAge: [{ policy: 'release', days: 0 }] }],
    ['an age in parts of a day', { ...least, maxAge: [{ policy: 'release', days: 0.5 }] }],
    ['an age of nothing in particular', { ...least, maxAge: [{ days: 90 }] }],
    ['an age without days', { ...least, maxAge: [{ policy: 'release' }] }],
    ['an age by another word', { ...least, maxAge: [{ policy: 'release', days: 90, hours: 1 }] }],
    ['a word for a yes', { ...least, trustRoots: { refresh: 'always' } }],
  ])('refuse %s', (_, settings) => expect(ImagesSettings.safeParse(settings).success).toBe(false));

  it.each([
    ['deny', undefined, 'deny'],
    ['warn', undefined, 'warn'],
    ['allow', undefined, 'warn'],
    ['allow', 'deny', 'deny'],
    ['deny', 'warn', 'warn'],
  ])('unmatched %s, unknownKinds %s: a suspicion is %s', (unmatched, unknownKinds, effect) => {
    const settings = ImagesSettings.parse({
      ...least,
      unmatched,
      ...(unknownKinds === undefined ? {} : { unknownKinds }),
    });
    expect(suspicion(settings, 'unknownKinds')).toBe(effect);
  });
});
