/** Does with the real cosign what a row of the table says, and asks it and the images check for their verdicts. */
import { createHash, createPublicKey } from 'node:crypto';
import type { Cosign, CosignVersion, KeyKind, SigningKey } from '../cosign.ts';
import { crane, type PushedImage, pushImage, pushIndex, type RunningRegistry } from '../registry.ts';
import {
  authorityExtensions,
  type Certified,
  eku,
  issue,
  keyPair,
  leafExtensions,
  subjectNames,
} from '../sigstore/certificates.ts';
import type { PrivateSigstore } from '../sigstore/servers.ts';
import type { CosignCase, Verdict } from './cases.ts';

const provenance = 'https://slsa.dev/provenance/v1';
const sbom = 'https://spdx.dev/Document';
const http = ['--allow-http-registry', '--allow-insecure-registry'];
const email = 'dev@example.com';

/** What the rows are run with. */
export interface Workshop {
  readonly cosign: Cosign;
  readonly sigstore: PrivateSigstore;
  /** A private Sigstore whose root nobody should trust. */
  readonly otherRoot: { readonly json: object; readonly file: string };
  readonly registry: RunningRegistry;
  key(kind: KeyKind | 'stranger'): Promise<SigningKey>;
}

/** What was made: which image is asked for, and what a platform would trust. */
export interface Made {
  readonly image: PushedImage;
  readonly trust: Trust;
  readonly cosign: Verdict;
  /** What cosign says where it refuses. */
  readonly says: string;
}

/** What a platform would write down. */
interface Trust {
  /** A ClusterImagePolicy. */
  readonly policy: string;
  /** The `trusted_root.json` that it calls `corp`. */
  readonly root?: string;
}

export async function carryOut(workshop: Workshop, row: CosignCase): Promise<Made> {
  const { cosign, sigstore, registry } = workshop;
  const { signer, format, what } = row;
  const repository = `cases/${[signer, row.key, format, what]
    .join('-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')}`;
  const bundle = `--new-bundle-format=${format === 'bundle'}`;
  const keyed = ['--tlog-upload=false', bundle, ...(signer === 3 ? ['--use-signing-config=false'] : [])];
  const key = await workshop.key(row.key === 'keyless' ? 'p256' : row.key);
  const stranger = await workshop.key('stranger');
  const run = async (command: string, args: readonly string[], pinned: string, version: CosignVersion = signer) =>
    await cosign.run(version, command, ...args, ...http, pinned);
  const sign = async (image: PushedImage, by: SigningKey, ...flags: string[]) =>
    await run('sign', ['--yes', '--key', by.file, ...keyed, ...flags], image.pinned);
  const attest = async (image: PushedImage, by: SigningKey, flags: readonly string[] = keyed) => {
    const predicate = cosign.file('provenance.json', JSON.stringify(slsa));
    await run(
      'attest',
      ['--yes', '--key', by.file, '--type', provenance, '--predicate', predicate, ...flags],
      image.pinned,
    );
  };
  const keyless = async (command: 'sign' | 'attest', image: PushedImage) => {
    const token = ['--identity-token', sigstore.issuer.token(email)];
    const where = ['--signing-config', sigstore.signingConfigFile, '--trusted-root', sigstore.trustedRootFile];
    const predicate = cosign.file('provenance.json', JSON.stringify(slsa));
    const about = command === 'sign' ? [] : ['--type', provenance, '--predicate', predicate];
    const two = signer === 2 ? ['--new-bundle-format'] : [];
    await run(command, ['--yes', ...token, ...where, ...about, ...two], image.pinned);
  };
  const push = async (tag: string) => await pushImage(registry.host, repository, tag);
  const image = await push('v1');
  // Cosign 2 reads bundles only with a trusted root, even where a key alone is trusted.
  const root = (args: readonly string[]) =>
    args.includes('--trusted-root') ? [] : ['--trusted-root', sigstore.trustedRootFile];
  const verifyFlags = (args: readonly string[]) =>
    signer === 2 && format === 'bundle' ? ['--new-bundle-format', ...root(args)] : [];
  const asked = async (command: string, args: readonly string[], pinned: string) => {
    try {
      await run(command, [...args, ...verifyFlags(args)], pinned);
      return { cosign: 'accepts', says: '' } as const;
    } catch (error) {
      return { cosign: 'refuses', says: (error as { stderr?: string }).stderr ?? String(error) } as const;
    }
  };
  const byKey = ['--key', cosign.file(`${row.key}.pub`, key.publicPem), '--insecure-ignore-tlog'];
  const keyPolicy = (more: object = {}) => policies({ key: { data: key.publicPem }, ...more });
  const verified = async (asking: PushedImage, trust: Trust, args = byKey, command = 'verify'): Promise<Made> => ({
    image: asking,
    trust,
    ...(await asked(command, args, asking.pinned)),
  });
  const attestationPolicy = (predicateType: string) => keyPolicy({ attestations: [{ name: 'asked', predicateType }] });

  switch (what) {
    case 'signature':
      await sign(image, key);
      return await verified(image, keyPolicy());
    case 'stranger':
      await sign(image, stranger);
      return await verified(image, keyPolicy());
    case 'annotated':
      await sign(image, key, '-a', 'stage=prod');
      return await verified(image, keyPolicy(), [...byKey, '-a', 'stage=prod']);
    case 'index':
    case 'recursive':
    case 'platform': {
      const [amd, arm] = [await push('amd'), await push('arm')];
      const index = await pushIndex(registry.host, repository, 'all', [amd, arm]);
      if (what === 'platform') await sign(amd, key);
      else await sign(index, key, ...(what === 'recursive' ? ['--recursive'] : []));
      return await verified(what === 'recursive' ? arm : index, keyPolicy());
    }
    case 'several':
      await sign(image, stranger);
      await sign(image, key);
      return await verified(image, keyPolicy());
    case 'twice':
      await sign(image, key);
      await sign(image, key);
      return await verified(image, keyPolicy());
    case 'copied': {
      const other = await push('other');
      await sign(other, key);
      await copySignature(other, image, format);
      return await verified(image, keyPolicy());
    }
    case 'attested':
      await attest(image, key);
      return await verified(image, keyPolicy());
    case 'attested, signed':
      await attest(image, key, [
        '--tlog-upload=false',
        '--new-bundle-format=true',
        ...(signer === 3 ? ['--use-signing-config=false'] : []),
      ]);
      await sign(image, key);
      return await verified(image, keyPolicy());
    case 'attestation':
      await attest(image, key);
      return await verified(
        image,
        attestationPolicy(provenance),
        [...byKey, '--type', provenance],
        'verify-attestation',
      );
    case 'other attestation':
      await attest(image, key);
      return await verified(image, attestationPolicy(sbom), [...byKey, '--type', sbom], 'verify-attestation');
    case 'stranger attests':
      await attest(image, stranger);
      return await verified(
        image,
        attestationPolicy(provenance),
        [...byKey, '--type', provenance],
        'verify-attestation',
      );
    case 'certified':
    case 'certified, other identity':
    case 'certified, key': {
      const { leaf, root } = certify(key);
      const certificate = [
        '--certificate',
        cosign.file('leaf.pem', leaf.pem),
        '--certificate-chain',
        cosign.file('root.pem', root.pem),
      ];
      await sign(image, key, ...certificate);
      if (what === 'certified, key') return await verified(image, keyPolicy());
      const subject = what === 'certified' ? email : 'other@example.com';
      const roots =
        format === 'bundle'
          ? ['--trusted-root', cosign.file('roots.json', JSON.stringify(rootOf(root)))]
          : ['--ca-roots', cosign.file('root.pem', root.pem)];
      const identity = ['--certificate-identity', subject, '--certificate-oidc-issuer', 'https://issuer.example'];
      const args = [...identity, ...roots, '--insecure-ignore-sct', '--insecure-ignore-tlog'];
      const authority = {
        'ca-cert': { data: root.pem },
        insecureIgnoreSCT: true,
        identities: [{ issuer: 'https://issuer.example', subject }],
      };
      // Only in this version does an empty ctlog ask for no log; a certificate is then judged by the clock.
      return await verified(image, policies({ keyless: authority, ctlog: {} }, 'v1alpha1'), args);
    }
    case 'stamped':
    case 'unstamped': {
      await sign(image, key, ...(what === 'stamped' ? [`--timestamp-server-url=${sigstore.timestamps.url}`] : []));
      const chain =
        format === 'bundle'
          ? ['--trusted-root', sigstore.trustedRootFile, '--use-signed-timestamps']
          : ['--timestamp-certificate-chain', sigstore.timestamps.chainFile, '--use-signed-timestamps'];
      const trust = {
        ...keyPolicy({ rfc3161timestamp: { trustRootRef: 'corp' } }),
        root: JSON.stringify(sigstore.trustedRoot),
      };
      return await verified(image, trust, [...byKey, ...chain]);
    }
    case 'keyless':
    case 'keyless, other subject':
    case 'keyless, other issuer':
    case 'keyless, other root':
    case 'keyless attestation':
    case 'keyless, key': {
      await keyless(what === 'keyless attestation' ? 'attest' : 'sign', image);
      if (what === 'keyless, key') return await verified(image, keyPolicy());
      const subject = what === 'keyless, other subject' ? 'other@example.com' : email;
      const issuer = what === 'keyless, other issuer' ? sigstore.issuer.otherUrl : sigstore.issuer.url;
      const root =
        what === 'keyless, other root'
          ? workshop.otherRoot
          : { json: sigstore.trustedRoot, file: sigstore.trustedRootFile };
      const type = what === 'keyless attestation' ? ['--type', provenance] : [];
      const identity = ['--certificate-identity', subject, '--certificate-oidc-issuer', issuer];
      const args = [...identity, ...type, '--trusted-root', root.file, '--insecure-ignore-sct'];
      const authority = {
        keyless: { trustRootRef: 'corp', insecureIgnoreSCT: true, identities: [{ issuer, subject }] },
        ctlog: { trustRootRef: 'corp' },
        rfc3161timestamp: { trustRootRef: 'corp' },
        ...(what === 'keyless attestation' ? { attestations: [{ name: 'asked', predicateType: provenance }] } : {}),
      };
      return await verified(
        image,
        { ...policies(authority), root: JSON.stringify(root.json) },
        args,
        type.length > 0 ? 'verify-attestation' : 'verify',
      );
    }
    default:
      return what satisfies never;
  }
}

const slsa = {
  buildDefinition: {
    buildType: 'https://build.example/v1',
    externalParameters: {},
    internalParameters: {},
    resolvedDependencies: [],
  },
  runDetails: { builder: { id: 'https://builder.example' }, metadata: { invocationId: 'x' } },
};

/** One ClusterImagePolicy of one authority. */
function policies(authority: object, version: 'v1alpha1' | 'v1beta1' = 'v1beta1'): Trust {
  const policy = {
    apiVersion: `policy.sigstore.dev/${version}`,
    kind: 'ClusterImagePolicy',
    metadata: { name: 'case' },
    spec: { images: [{ glob: '**' }], authorities: [{ name: 'asked', ...authority }] },
  };
  return { policy: JSON.stringify(policy) };
}

/** A CA of one's own, and its certificate of a key. */
function certify(key: SigningKey): { readonly leaf: Certified; readonly root: Certified } {
  const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
  const root = issue({ commonName: 'own ca', keys: keyPair('p256'), validity, extensions: authorityExtensions() });
  const issuer = { oid: '1.3.6.1.4.1.57264.1.1', value: Buffer.from('https://issuer.example') };
  const leaf = issue({
    commonName: 'signer',
    keys: { privateKey: key.privateKey, publicKey: createPublicKey(key.publicPem) },
    validity,
    issuer: root,
    extensions: [...leafExtensions([eku.codeSigning]), ...subjectNames([{ email }]), issuer],
  });
  return { leaf, root };
}

/** The root of a CA of one's own as cosign wants it for bundles. */
function rootOf(root: Certified): object {
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [],
    ctlogs: [],
    timestampAuthorities: [],
    certificateAuthorities: [
      {
        subject: { organization: 'test.example', commonName: 'own ca' },
        uri: 'https://ca.example',
        certChain: { certificates: [{ rawBytes: root.der.toString('base64') }] },
        validFor: { start: '2024-01-01T00:00:00Z' },
      },
    ],
  };
}

/** Puts the signature of one image beside another, as whoever may push to the repository can. */
async function copySignature(from: PushedImage, to: PushedImage, format: 'legacy' | 'bundle'): Promise<void> {
  const repository = `${from.host}/${from.repository}`;
  const tag = (image: PushedImage) => `${repository}:${image.digest.replace(':', '-')}`;
  if (format === 'legacy') {
    await crane('copy', `${tag(from)}.sig`, `${tag(to)}.sig`);
    return;
  }
  const listed = await fetch(`http://${from.host}/v2/${from.repository}/referrers/${from.digest}`);
  const { manifests } = (await listed.json()) as { manifests: { digest: string }[] };
  const body = JSON.parse(await crane('manifest', `${repository}@${manifests[0]?.digest}`)) as {
    subject: { digest: string; size: number };
  };
  const target = await crane('manifest', to.pinned);
  body.subject = { ...body.subject, digest: to.digest, size: Buffer.byteLength(target) };
  const text = JSON.stringify(body);
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
  const put = await fetch(`http://${from.host}/v2/${from.repository}/manifests/${digest}`, {
    method: 'PUT',
    headers,
    body: text,
  });
  if (put.status !== 201) throw new Error(`the registry answered ${put.status}`);
}
