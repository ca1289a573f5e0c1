import { createHash } from 'node:crypto';
import { parsePublicKey } from '../../checks/images/policy/key.ts';
import type { KeyAuthority, KeylessAuthority, TrustRoot } from '../../checks/images/policy/model.ts';
import { shippedPublicGood } from '../../checks/images/policy/public-good.ts';
import { readTrustedRoot } from '../../checks/images/policy/trusted-root.ts';
import { Malformed } from '../../checks/images/verify/json.ts';
import { loadPrehashed } from '../../checks/images/verify/prehashed.ts';
import { fromBundle, type SignedObject } from '../../checks/images/verify/signed-object.ts';
import { prepare, type Verification, verifyObject, type Wanted } from '../../checks/images/verify/verify-object.ts';
import { type Digest, parseDigest } from '../../core/image.ts';
import { jsonText, visible } from '../../report/text.ts';
import { exitCodeOf, type Printed } from './judge-command.ts';
import type { VerifyBundleCommand } from './verify-bundle-arguments.ts';

/** What the command needs of the world. */
export interface BundleWorld {
  /** The content of a file of at most so many bytes. Throws USAGE for one that is missing or larger. */
  readonly readFile: (path: string, most: number) => Uint8Array;
  /** Milliseconds. */
  readonly now: () => number;
}

const maxBundle = 32 * 1024 * 1024;
const maxArtifact = 2 ** 31 - 1;
const maxTrustFile = 4 * 1024 * 1024;

/**
 * Verifies one bundle as sigstore-conformance asks of a client: 0 if it is good, and otherwise not. Throws USAGE,
 * IMAGE_KEY_* and IMAGE_TRUST_ROOT_* for what the person who asks has wrong; the bundle's faults are an answer.
 */
export async function verifyBundle(command: VerifyBundleCommand, world: BundleWorld): Promise<Printed> {
  const wanted = await readArtifact(command.artifact, world);
  const authority = await readAuthority(command, world);
  const bytes = world.readFile(command.bundle, maxBundle);
  let object: SignedObject;
  try {
    object = fromBundle(bytes, 'the bundle');
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return print(command, { kind: 'rejected', why: 'malformed', step: 1, detail: error.message, source: 'the bundle' });
  }
  await prepare([authority]);
  return print(command, verifyObject(object, authority, wanted, world.now()));
}

async function readArtifact(artifact: string, world: BundleWorld): Promise<Wanted> {
  if (artifact.startsWith('sha256:')) {
    const digest = parseDigest(artifact);
    await loadPrehashed();
    const content = { kind: 'sha256', digest: Buffer.from(digest.slice('sha256:'.length), 'hex') } as const;
    return { digest, claim: { kind: 'artifact', artifact: content } };
  }
  const bytes = world.readFile(artifact, maxArtifact);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
  return { digest, claim: { kind: 'artifact', artifact: { kind: 'bytes', bytes } } };
}

/** A log entry is asked for in either case, and for certificates an entry of their own log too. */
async function readAuthority(
  command: VerifyBundleCommand,
  world: BundleWorld,
): Promise<KeyAuthority | KeylessAuthority> {
  const { signer } = command;
  const roots = await readRoot(command.trustedRoot, world);
  const evidence = {
    log: { demand: 'required', roots },
    timestamp: { demand: 'ignored' },
    sources: [],
    format: 'bundle',
    attestations: [],
    annotations: {},
  } as const;
  if ('key' in signer) {
    const pem = Buffer.from(world.readFile(signer.key, maxTrustFile)).toString('latin1');
    return { kind: 'key', name: '--key', key: parsePublicKey(pem), ...evidence };
  }
  const identities = [{ issuer: { equal: signer.issuer }, subject: { equal: signer.identity } }];
  return { kind: 'keyless', name: '--certificate-identity', identities, roots, sct: 'required', ...evidence };
}

async function readRoot(path: string | undefined, world: BundleWorld): Promise<TrustRoot> {
  if (path === undefined) return (await shippedPublicGood()).root;
  return await readTrustedRoot(Buffer.from(world.readFile(path, maxTrustFile)).toString('utf8'), path);
}

function print({ output }: VerifyBundleCommand, answer: Verification): Printed {
  const exitCode = exitCodeOf(answer.kind === 'verified' ? 'allowed' : 'denied');
  if (answer.kind === 'rejected') {
    const { why, step, detail } = answer;
    if (output === 'json') return { stdout: jsonText({ verified: false, why, step, detail }), stderr: '', exitCode };
    return {
      stdout: '',
      stderr: `${visible(`syncgate: the bundle is refused (step ${step}, ${why}): ${detail}`)}\n`,
      exitCode,
    };
  }
  const { signer } = answer;
  const times = answer.times.map(({ at, by }) => ({ at: new Date(at).toISOString(), by }));
  const predicateType = answer.statement?.['predicateType'];
  if (output === 'json')
    return { stdout: jsonText({ verified: true, signer, times, predicateType }), stderr: '', exitCode };
  const who =
    signer.kind === 'key'
      ? `key SHA256:${signer.fingerprint}`
      : `${JSON.stringify(signer.subject)}, ${signer.issuer === undefined ? 'without issuer' : `as ${JSON.stringify(signer.issuer)} says`}`;
  const when = times.map(({ at, by }) => `, ${at} (${by})`).join('');
  return { stdout: `${visible(`verified: signed by ${who}${when}`)}\n`, stderr: '', exitCode };
}
