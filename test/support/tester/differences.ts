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
  'key, match no label',
  'key, policy over the configuration',
];

/** Policies that a logged signature by the identity alone satisfies. */
const byIdentity = [
  'keyless',
  'keyless, not anchored',
  'keyless, expressions',
  'keyless, two pairs',
  'keyless, no SCT',
  'keyless or key',
  'v1alpha1 keyless',
  'v1alpha1 keyless, log of the root alone',
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
    images: [
      'by-key',
      'by-both-keys',
      'by-key-and-keyless',
      'by-key-logged',
      'by-key-logged-elsewhere',
      'by-key-logged-stamped',
      'by-key-stamped',
    ],
    tester: 'denies',
    syncgate: 'allows',
    why: 'After the hash of the policy, that which goes with the key is tried, as cosign signs with it.',
  },
  {
    policies: ['key, timestamp'],
    images: ['by-key', 'by-both-keys', 'by-key-and-keyless', 'by-key-logged', 'by-key-logged-elsewhere'],
    tester: 'allows',
    syncgate: 'denies',
    why: 'A timestamp that the policy asks for must be there.',
  },
  {
    policies: byIdentity,
    images: ['keyless-bundle'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'Bundles count where no format is named: it is what cosign 3 writes.',
  },
  {
    policies: ['keyless, timestamp'],
    images: ['keyless-bundle-stamped'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'Bundles count where no format is named: it is what cosign 3 writes.',
  },
  {
    policies: ['keyless attests'],
    images: ['attested-keyless-bundle'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'Bundles count where no format is named: it is what cosign 3 writes.',
  },
  {
    policies: ['key, log of the root alone'],
    images: [
      'by-key',
      'by-both-keys',
      'by-key-and-keyless',
      'by-key-logged-elsewhere',
      'by-key-other-type',
      'by-key-stamped',
    ],
    tester: 'allows',
    syncgate: 'denies',
    why: 'The conversion of v1beta1 loses a ctlog without url, and with it the log that the policy demands.',
  },
  {
    policies: ['keyless, log of the root alone'],
    images: ['keyless', 'keyless-bundle', 'by-key-and-keyless'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'The same: without its log the certificate must be valid now, and it no longer is.',
  },
  {
    policies: ['key, logged and stamped'],
    images: [
      'by-key',
      'by-both-keys',
      'by-key-and-keyless',
      'by-key-logged',
      'by-key-logged-elsewhere',
      'by-key-other-type',
      'by-key-stamped',
    ],
    tester: 'allows',
    syncgate: 'denies',
    why: 'A log that is named beside a timestamp is ignored there, and the timestamp may be missing; here both are demanded.',
  },
  {
    policies: ['keyless, logged and stamped'],
    images: ['keyless-stamped'],
    tester: 'allows',
    syncgate: 'denies',
    why: 'A log that is named beside a timestamp is ignored there; here it is demanded.',
  },
  {
    policies: ['key, bundles'],
    images: ['by-key-bundle'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'Bundles by a key are not implemented there.',
  },
  {
    policies: ['keyless, bundles'],
    images: ['keyless-bundle'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'Bundles that are signatures are not implemented there.',
  },
  {
    policies: ['keyless, signed in bundles'],
    images: ['keyless-bundle'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'Logs of a TrustRoot get the hexadecimal text of their id for an id there, which no entry of a bundle has.',
  },
  {
    policies: ['keyless attests in bundles'],
    images: ['attested-keyless-bundle'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'The same.',
  },
  {
    policies: ['keyless attests in bundles, timestamp'],
    images: ['keyless-bundle-stamped'],
    tester: 'denies',
    syncgate: 'allows',
    why: 'The same, of the certificate log.',
  },
];
