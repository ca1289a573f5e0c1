import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startThread } from '../../../../src/adapters/thread.ts';
import type { NotationExamination } from '../../../../src/checks/images/notation/examine.ts';
import type { Found } from '../../../../src/checks/images/verify/collect.ts';
import type { Examination } from '../../../../src/checks/images/verify/examine.ts';
import { createExaminer, type Examiner, isSmall } from '../../../../src/checks/images/verify/examiner.ts';
import { parseImageReference } from '../../../../src/core/image.ts';
import type { Thread } from '../../../../src/core/ports.ts';
import { authorityOf, base64, identity, namesOnly, subject, trustRootOf } from '../policy/documents.ts';
import { checked, digestOf, MemoryRegistry, podsWith, trustOf } from '../support.ts';
import { loadFiles } from '../trust-files.ts';

/** The threads that verify: whatever becomes of one, there is no answer but one that was given. */

const never = new AbortController().signal;
const real = () =>
  startThread(new URL('../../../support/verifier-thread.ts', import.meta.url), { syncgate: 'verifier' });

async function examinationBy(type: 'ed25519' | 'ec', bytes: Uint8Array = Buffer.from('{}')): Promise<Examination> {
  const key = type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const { policies } = await trustOf({ keys: [key.publicKey.export({ format: 'pem', type: 'spki' }).toString()] });
  const authority = policies[0]?.authorities[0];
  if (authority?.kind !== 'key') throw new Error('no key');
  const found: Found = { form: 'bundle', source: 'referrer 1', annotations: {}, bytes, hint: undefined };
  return {
    digest: digestOf(Buffer.from('image')),
    reference: parseImageReference('registry.example/team/app:v1'),
    now: 0,
    pools: [[found]],
    questions: [{ authority, pools: [0], claims: [{ kind: 'signature' }], every: false }],
    enough: 1,
  };
}

const yes = { passed: true, tolerated: false, note: 'signed by CN=dev', code: 'IMAGE_UNSIGNED', mend: '' } as const;

const notationExamination: NotationExamination = {
  signatures: [{ source: 'referrer 1', mediaType: 'application/jose+json', bytes: Buffer.from('{}') }],
  target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(Buffer.from('image')), size: 5 },
  policy: {
    name: 'release',
    enforcement: { authenticity: 'enforce', authenticTimestamp: 'enforce', expiry: 'enforce', revocation: 'enforce' },
    verifyTimestamp: 'always',
    identities: 'any',
    stores: { ca: [], signingAuthority: undefined, tsa: undefined },
    revocationLists: [],
    digest: '',
  },
  maxAgeDays: undefined,
  now: 0,
};

/** A thread that does as it is told when it is asked. */
function fakeThread(answer: (give: (value: unknown) => void, end: (thrown: unknown) => void) => void) {
  const seen = { stopped: 0 };
  const thread = (): Thread => {
    let give: (value: unknown) => void = () => {};
    let end: (thrown: unknown) => void = () => {};
    return {
      post: () => setImmediate(() => answer(give, end)),
      onAnswer: (listener) => {
        give = listener;
      },
      onEnd: (listener) => {
        end = listener;
      },
      hold: () => {},
      stop: () => {
        seen.stopped += 1;
      },
    };
  };
  return { thread, seen };
}

describe('the examiner', () => {
  it('asks a real thread, again and again, and ends it', async () => {
    const examiner = createExaminer({ startThread: real, threads: 1, deadlineMs: 20_000 });
    const examination = await examinationBy('ed25519');
    expect(isSmall(examination)).toBe(false);
    const answers = await Promise.all([1, 2, 3].map(() => examiner.examine(examination, never)));
    for (const answer of answers) {
      expect(answer).toMatchObject([[{ proofs: [], refused: [{ why: 'malformed', source: 'referrer 1' }] }]]);
    }
    // The bytes are still the caller's.
    expect(examination.pools[0]?.[0]?.bytes.length).toBe(2);
    examiner.close();
    await expect(examiner.examine(examination, never)).rejects.toMatchObject({ code: 'IMAGE_VERIFY_CRASHED' });
  });

  it('needs no thread for few signatures by plain keys, and one for many bytes or other work', async () => {
    const small = await examinationBy('ec');
    const large = await examinationBy('ec', Buffer.alloc(1024 * 1024));
    expect([isSmall(small), isSmall(large), isSmall(await examinationBy('ed25519'))]).toEqual([true, false, false]);
    const examiner = createExaminer({
      startThread: () => {
        throw new Error('no thread');
      },
      threads: 1,
      deadlineMs: 1000,
    });
    expect(await examiner.examine(small, never)).toHaveLength(1);
    await expect(examiner.examine(large, never)).rejects.toMatchObject({ code: 'IMAGE_VERIFY_CRASHED' });
  });

  const ways: [string, Parameters<typeof fakeThread>[0], string][] = [
    ['hangs', () => {}, 'IMAGE_VERIFY_TIMEOUT'],
    ['crashes', (_, end) => end(new Error('out of memory')), 'IMAGE_VERIFY_CRASHED'],
    ['ends without a word', (_, end) => end(undefined), 'IMAGE_VERIFY_CRASHED'],
    ['gives nothing', (give) => give(undefined), 'CHECK_SILENT'],
    ['gives an answer that says nothing', (give) => give({}), 'CHECK_SILENT'],
    ['gives an empty answer', (give) => give({ answer: [] }), 'CHECK_SILENT'],
    ['gives an answer of the other kind', (give) => give({ answer: [true] }), 'CHECK_SILENT'],
    ['refuses without a reason', (give) => give({ refused: {} }), 'CHECK_SILENT'],
    ['refuses with nothing', (give) => give({ refused: null, answer: true }), 'CHECK_SILENT'],
    ['refuses with no known code', (give) => give({ refused: { code: 'OK', message: '', mend: '' } }), 'CHECK_SILENT'],
  ];
  const asked: [string, typeof ways, (examiner: Examiner) => Promise<unknown>][] = [
    [
      'sigstore',
      [
        ['gives half an answer', (give) => give({ answer: [[]] }), 'CHECK_SILENT'],
        ['gives another shape', (give) => give({ answer: [[{ proofs: true }]] }), 'CHECK_SILENT'],
      ],
      async (examiner) => examiner.examine(await examinationBy('ed25519'), never),
    ],
    [
      'notation',
      [
        ['gives half an answer', (give) => give({ answer: { passed: true } }), 'CHECK_SILENT'],
        ['passes and tolerates', (give) => give({ answer: { ...yes, tolerated: true } }), 'CHECK_SILENT'],
        ['says yes in another way', (give) => give({ answer: { ...yes, passed: 'yes' } }), 'CHECK_SILENT'],
        ['gives no known code', (give) => give({ answer: { ...yes, code: 'OK' } }), 'CHECK_SILENT'],
      ],
      (examiner) => examiner.examineNotation(notationExamination, never),
    ],
  ];
  const rows = asked.flatMap(([kind, own, ask]) =>
    [...ways, ...own].map(([way, ...rest]) => [kind, way, ask, ...rest] as const),
  );
  it.each(rows)('asked of %s, a thread that %s gives no answer, and is stopped', async (_, __, ask, answer, code) => {
    const { thread, seen } = fakeThread(answer);
    const examiner = createExaminer({ startThread: thread, threads: 1, deadlineMs: 50 });
    await expect(ask(examiner)).rejects.toMatchObject({ code });
    expect(seen.stopped).toBe(1);
    // The next one is asked anew.
    await expect(ask(examiner)).rejects.toMatchObject({ code });
    expect(seen.stopped).toBe(2);
  });

  it('tells what a thread refuses to work with, and asks it again', async () => {
    const refused = { code: 'IMAGE_TRUST_ROOT_INVALID', message: 'TrustRoot corp: it is broken', mend: 'Mend it.' };
    const { thread, seen } = fakeThread((give) => give({ refused }));
    const examiner = createExaminer({ startThread: thread, threads: 1, deadlineMs: 20_000 });
    for (const [, , ask] of asked) await expect(ask(examiner)).rejects.toMatchObject(refused);
    expect(seen.stopped).toBe(0);
  });

  it('sends what stays the same to a thread once, and lists of revoked certificates once for all policies', async () => {
    const posted: { readonly objects: readonly (readonly [number, object])[] }[] = [];
    const { thread } = fakeThread((give) => give({ answer: yes }));
    const startThread = () => {
      const made = thread();
      const post: Thread['post'] = (question, transfer) => {
        posted.push(question as (typeof posted)[number]);
        made.post(question, transfer);
      };
      return { ...made, post };
    };
    const examiner = createExaminer({ startThread, threads: 1, deadlineMs: 20_000 });
    const other = { ...notationExamination.policy, name: 'other' };
    for (const policy of [notationExamination.policy, notationExamination.policy, other]) {
      await examiner.examineNotation({ ...notationExamination, policy }, never);
    }
    expect(posted.map(({ objects }) => objects.length)).toEqual([2, 0, 1]);
    expect(posted[2]?.objects[0]?.[1]).not.toHaveProperty('revocationLists');
  });

  it('asks a real thread about signatures of the Notary Project', async () => {
    const examiner = createExaminer({ startThread: real, threads: 1, deadlineMs: 20_000 });
    const { policy, signatures } = notationExamination;
    for (const bytes of [Buffer.from('{'), Buffer.alloc(1024 * 1024, '[')]) {
      const answer = await examiner.examineNotation(
        { ...notationExamination, policy: { ...policy }, signatures: signatures.map((each) => ({ ...each, bytes })) },
        never,
      );
      expect(answer).toMatchObject({ passed: false, tolerated: false, code: 'IMAGE_SIGNATURE_INVALID' });
      expect(bytes.length).toBeGreaterThan(0);
    }
    expect(await examiner.examineNotation({ ...notationExamination, signatures: [] }, never)).toMatchObject({
      passed: false,
      code: 'IMAGE_UNSIGNED',
    });
    examiner.close();
    await expect(examiner.examineNotation(notationExamination, never)).rejects.toMatchObject({
      code: 'IMAGE_VERIFY_CRASHED',
    });
  });

  it('a real thread tells which trust root cannot be used, and why, and goes on', async () => {
    const examiner = createExaminer({ startThread: real, threads: 1, deadlineMs: 20_000 });
    const examination = await examinationBy('ed25519');
    const [question] = examination.questions;
    if (question === undefined) throw new Error('no question');
    const roots = { name: 'TrustRoot corp', digest: '', json: { tlogs: [{ publicKey: { validFor: {} } }] } };
    const authority = { ...question.authority, log: { demand: 'required', roots } as const };
    await expect(
      examiner.examine({ ...examination, questions: [{ ...question, authority }] }, never),
    ).rejects.toMatchObject({
      code: 'IMAGE_TRUST_ROOT_INVALID',
      message: 'TrustRoot corp: the validity of tlogs[0] has no start',
      mend: 'Correct the trust root.',
    });
    expect(await examiner.examine(examination, never)).toHaveLength(1);
    examiner.close();
  });

  it('so a finding names the root, and says why', async () => {
    const certificateAuthorities = [{ subject, uri: 'https://ca.corp.example', certChain: base64(namesOnly.pem) }];
    const trust = await loadFiles({
      'root.yaml': trustRootOf({ sigstoreKeys: { certificateAuthorities } }),
      'policy.yaml': authorityOf({ keyless: { trustRootRef: 'corp', identities: [identity] } }),
    });
    const registry = new MemoryRegistry();
    registry.bundle(registry.image('v1'), '{}');
    const { findings } = await checked(podsWith('ghcr.io/org/app:v1'), { trust, registry });
    expect(findings.filter(({ effect }) => effect !== 'warn')).toMatchObject([
      {
        effect: 'error',
        code: 'IMAGE_TRUST_ROOT_INVALID',
        rule: 'ClusterImagePolicy release',
        message: expect.stringContaining('TrustRoot corp: a certificate has the critical extension 2.5.29.30'),
        mend: 'Correct the trust root.',
      },
    ]);
  });

  it('stops a real thread that is busy for ever', async () => {
    const busy = new URL('data:text/javascript,for(;;);');
    const examiner = createExaminer({
      startThread: () => startThread(busy, { syncgate: 'verifier' }),
      threads: 1,
      deadlineMs: 200,
    });
    await expect(examiner.examine(await examinationBy('ed25519'), never)).rejects.toMatchObject({
      code: 'IMAGE_VERIFY_TIMEOUT',
    });
  });

  it('a real thread that throws is a crash', async () => {
    const broken = new URL('data:text/javascript,throw new Error("broken")');
    const examiner = createExaminer({
      startThread: () => startThread(broken, { syncgate: 'verifier' }),
      threads: 1,
      deadlineMs: 20_000,
    });
    await expect(examiner.examine(await examinationBy('ed25519'), never)).rejects.toMatchObject({
      code: 'IMAGE_VERIFY_CRASHED',
    });
  });

  it('lets go of what nobody waits for', async () => {
    const { thread, seen } = fakeThread(() => {});
    const examiner = createExaminer({ startThread: thread, threads: 1, deadlineMs: 60_000 });
    const abort = new AbortController();
    const examination = await examinationBy('ed25519');
    const asked = examiner.examine(examination, abort.signal);
    const queued = examiner.examine(examination, abort.signal);
    abort.abort(new Error('too late'));
    await expect(asked).rejects.toThrow('too late');
    await expect(queued).rejects.toThrow('too late');
    expect(seen.stopped).toBe(1);
  });
});
