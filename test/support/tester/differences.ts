/** Where the verdicts on a pair differ, and why. Whatever is not listed must be the same. */
export interface Difference {
  readonly policies: readonly string[];
  readonly images: readonly string[];
  readonly tester: 'allows' | 'denies';
  readonly syncgate: 'allows' | 'denies';
  readonly why: string;
}

/** Policies that a signature by the key alone satisfies. */
const byKey = [
  'key',
  'either key',
  'key, empty ctlog',
  'key, match pods',
  'key, by-key glob',
  'keyless or key',
  'key, policy over signatures',
  'key, policy over the object',
  'key, policy over its type',
];

export const DIFFERENCES: readonly Difference[] = [
  {
    policies: [...byKey, 'key, legacy format', 'key, timestamp'],
    images: ['by-key-other-type'],
    tester: 'allows',
    syncgate: 'denies',
    why: 'A payload of another critical.type is no image signature: it could be one of a blob.',
  },
  {
    policies: [...byKey, 'key, sha512'],
    images: ['by-key-bundle'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'Bundles count where no format is named: it is what cosign 3 writes.',
  },
  {
    policies: ['key, sha512'],
    images: ['by-key', 'by-both-keys', 'by-key-logged', 'by-key-logged-elsewhere', 'by-key-stamped'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'After the hash of the policy, that which goes with the key is tried, as cosign signs with it.',
  },
  {
    policies: ['key, timestamp'],
    images: ['by-key', 'by-both-keys', 'by-key-logged', 'by-key-logged-elsewhere'],
    tester: 'allows',
    syncgate: 'denies',
    why: 'A timestamp that the policy asks for must be there.',
  },
];
