import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shippedPublicGood } from '../../../../src/checks/images/policy/public-good.ts';
import { readTrustedRoot } from '../../../../src/checks/images/policy/trusted-root.ts';
import { TrustRootsSettings } from '../../../../src/checks/images/settings.ts';
import { rejectionOf } from '../../../support/thrown.ts';
import { loadFiles } from '../trust-files.ts';
import { authorityOf, identity, keyPem, namesOnly } from './documents.ts';

const folder = resolve(import.meta.dirname, '../../../../trust/public-good');
const text = readFileSync(join(folder, 'trusted_root.json'), 'utf8');
const dayMs = 24 * 60 * 60 * 1000;

describe('the public-good root that is shipped', () => {
  it('is whole, and holds what Sigstore runs', async () => {
    const root = await readTrustedRoot(text, 'trusted_root.json');
    const { asOf, root: shipped } = await shippedPublicGood();
    expect(shipped.digest).toBe(root.digest);
    expect(shipped.name).toBe(`the public-good instance of ${asOf}`);
    const urls = [...text.matchAll(/"(?:baseUrl|uri)": "([^"]+)"/g)].map(([, url]) => url);
    expect(urls).toEqual(
      expect.arrayContaining([
        'https://rekor.sigstore.dev',
        'https://fulcio.sigstore.dev',
        'https://ctfe.sigstore.dev/2022',
        'https://timestamp.sigstore.dev/api/v1/timestamp',
      ]),
    );
  });

  it('is the one that its provenance speaks of', () => {
    const provenance = JSON.parse(readFileSync(join(folder, 'provenance.json'), 'utf8'));
    expect(createHash('sha256').update(text).digest('hex')).toBe(provenance.sha256);
    expect(provenance.asOf).toMatch(/^20\d\d-\d\d-\d\d$/);
  });

  const keyless = authorityOf({ keyless: { identities: [identity] } });
  const key = authorityOf({ key: { data: keyPem() }, ctlog: {} });
  it.each([
    ['not on the last day that it is young', keyless, 180, {}, 0],
    ['on the day after', keyless, 181, {}, 1],
    ['sooner where the settings say so', keyless, 31, { ageWarningDays: 30 }, 1],
    ['never where no policy needs it', key, 10_000, {}, 0],
  ])('is warned about %s', async (_, policy, days, settings, count) => {
    const { asOf } = await shippedPublicGood();
    const clock = { now: () => Date.parse(asOf) + days * dayMs };
    const ports = { clock, roots: TrustRootsSettings.parse(settings) };
    const { warnings } = await loadFiles({ 'a.yaml': policy }, undefined, { ports });
    const aged = warnings.filter(({ code }) => code === 'IMAGE_TRUST_ROOT_AGED');
    expect(aged).toHaveLength(count);
    for (const { effect, message, mend } of aged) {
      expect(effect).toBe('warn');
      expect(message).toContain(`${days} days ago`);
      expect(mend).toContain('images.trustRoots.files');
    }
  });
});

// biome-ignore lint/suspicious/noExplicitAny: a document that is changed at will
type Changeable = any;
function changed(change: (root: Changeable) => void): string {
  const root = JSON.parse(text);
  change(root);
  return JSON.stringify(root);
}

describe('a trusted_root.json', () => {
  it.each<[string, string]>([
    ['without parts', changed((root) => Object.assign(root, { ctlogs: [], timestampAuthorities: undefined }))],
    [
      'with nulls where protobuf allows them',
      changed((root) => Object.assign(root.tlogs[0], { operator: null, checkpointKeyId: null })),
    ],
    [
      'with an end on the day of its start',
      changed((root) => {
        root.tlogs[0].publicKey.validFor.end = root.tlogs[0].publicKey.validFor.start;
      }),
    ],
    [
      'with an offset and nanoseconds',
      changed((root) => {
        root.tlogs[0].publicKey.validFor.start = '2021-01-12T11:53:27.123456789+02:00';
      }),
    ],
  ])('is read %s', async (_, file) => {
    expect((await readTrustedRoot(file, 'root.json')).name).toBe('root.json');
  });

  it('has a digest that follows its content', async () => {
    const one = await readTrustedRoot(text, 'a');
    const other = await readTrustedRoot(
      changed((root) => {
        root.tlogs.pop();
      }),
      'a',
    );
    expect(other.digest).not.toBe(one.digest);
  });

  it.each<[string, (root: Changeable) => void, RegExp]>([
    [
      'another media type',
      (root) => {
        root.mediaType = 'application/json';
      },
      /mediaType/,
    ],
    [
      'no media type',
      (root) => {
        delete root.mediaType;
      },
      /mediaType/,
    ],
    [
      'an unknown part',
      (root) => {
        root.tlog = [];
      },
      /did you mean tlogs/,
    ],
    [
      'the spelling of protobuf text',
      (root) => {
        root.tlogs[0].base_url = 'a';
      },
      /unknown key "base_url"/,
    ],
    [
      'a log without a start',
      (root) => {
        delete root.tlogs[1].publicKey.validFor.start;
      },
      /tlogs\.1\.publicKey\.validFor\.start is required/,
    ],
    [
      'a log without validity',
      (root) => {
        delete root.ctlogs[0].publicKey.validFor;
      },
      /ctlogs\.0\.publicKey\.validFor is required/,
    ],
    [
      'an authority without a start',
      (root) => {
        root.certificateAuthorities[0].validFor = {};
      },
      /validFor\.start is required/,
    ],
    [
      'a timestamp authority without validity',
      (root) => {
        delete root.timestampAuthorities[0].validFor;
      },
      /validFor is required/,
    ],
    [
      'a date that is none',
      (root) => {
        root.tlogs[0].publicKey.validFor.start = 'yesterday';
      },
      /is not a date/,
    ],
    [
      'a day that no calendar has',
      (root) => {
        root.tlogs[0].publicKey.validFor.start = '2021-02-30T00:00:00Z';
      },
      /is not a date/,
    ],
    [
      'a date without a zone',
      (root) => {
        root.tlogs[0].publicKey.validFor.start = '2021-02-01T00:00:00';
      },
      /is not a date/,
    ],
    [
      'a number for a date',
      (root) => {
        root.tlogs[0].publicKey.validFor.start = 0;
      },
      /validFor\.start/,
    ],
    [
      'an end before its start',
      (root) => {
        root.tlogs[0].publicKey.validFor.end = '2000-01-01T00:00:00Z';
      },
      /ends before it starts/,
    ],
    [
      'an authority that ends before it starts',
      (root) => {
        root.certificateAuthorities[1].validFor.end = '2000-01-01T00:00:00Z';
      },
      /certificateAuthorities\[1\]\.validFor ends before/,
    ],
    [
      'a log twice',
      (root) => {
        root.tlogs.push(root.tlogs[0]);
      },
      /tlogs\[2\]\.logId is there twice/,
    ],
    [
      'a log twice, its id spelled in another way',
      (root) => {
        const { keyId } = root.tlogs[0].logId;
        const again = keyId.replace(/.=$/, (end: string) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`);
        root.tlogs.push({ ...root.tlogs[0], logId: { keyId: again } });
      },
      /tlogs\[2\]\.logId is there twice/,
    ],
    [
      'a certificate log twice',
      (root) => {
        root.ctlogs[1].logId = root.ctlogs[0].logId;
      },
      /ctlogs\[1\]\.logId is there twice/,
    ],
    [
      'a log without an id',
      (root) => {
        delete root.tlogs[0].logId;
      },
      /logId is required/,
    ],
    [
      'a key that is none',
      (root) => {
        root.tlogs[0].publicKey.rawBytes = 'AAAA';
      },
      /rawBytes is not a public key/,
    ],
    [
      'base64 that is none',
      (root) => {
        root.tlogs[0].publicKey.rawBytes = 'A';
      },
      /is not base64/,
    ],
    [
      'base64 for URLs',
      (root) => {
        root.tlogs[0].logId.keyId = '_-_-';
      },
      /is not base64/,
    ],
    [
      'a certificate that is none',
      (root) => {
        root.certificateAuthorities[0].certChain.certificates[0].rawBytes = 'AAAA';
      },
      /is not a certificate/,
    ],
    [
      'no certificates',
      (root) => {
        root.timestampAuthorities[0].certChain.certificates = [];
      },
      /certificates/,
    ],
    [
      'another hash',
      (root) => {
        root.tlogs[0].hashAlgorithm = 'SHA2_512';
      },
      /hashAlgorithm/,
    ],
    [
      'more logs than are read',
      (root) => {
        root.tlogs = new Array(101).fill(root.tlogs[0]);
      },
      /more than 100 entries/,
    ],
  ])('is refused with %s', async (_, change, message) => {
    const error = await rejectionOf(readTrustedRoot(changed(change), 'root.json'));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^root\.json:1:\d+: /);
  });

  it('is refused with an authority that is bound by what the verifier does not read', async () => {
    const file = changed((root) => {
      root.certificateAuthorities[0].certChain.certificates[0].rawBytes = namesOnly.der.toString('base64');
    });
    await expect(readTrustedRoot(file, 'root.json', 'trusted root corp')).rejects.toMatchObject({
      code: 'IMAGE_TRUST_ROOT_INVALID',
      message: 'trusted root corp: a certificate has the critical extension 2.5.29.30, which is not read',
      place: 'root.json',
    });
  });

  it.each([
    ['nothing', ''],
    ['a list', '[]'],
    ['a word', 'root'],
    ['a key twice', text.replace('"tlogs"', '"mediaType": "a", "tlogs"')],
    ['half of it', text.slice(0, 3000)],
    ['two of it', `${text}\n---\n${text}`],
  ])('is refused where it is %s', async (_, file) => {
    expect((await rejectionOf(readTrustedRoot(file, 'root.json'))).code).toBe('IMAGE_TRUST_ROOT_INVALID');
  });

  it('may be indented by tabs, as JSON may', async () => {
    const file = JSON.stringify(JSON.parse(text), null, '\t');
    expect((await readTrustedRoot(file, 'root.json')).name).toBe('root.json');
  });
});
