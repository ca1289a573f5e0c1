import type { JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import {
  authorityChains,
  authorityOf,
  logOf,
  partOf,
  type RootParts,
  readCertificates,
  rootOfParts,
  timestampChain,
} from '../certificate.ts';
import { at, atAsync } from '../complaint.ts';
import type { Evidence, TrustRoot } from '../model.ts';
import type { SpellingContext } from './context.ts';
import type { LogSpec } from './kyverno-schema.ts';
import { refuseUnread } from './refuse.ts';

const publicRekor = 'https://rekor.sigstore.dev';
const noParts: RootParts = { tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };

/** What `rekor` and `ctlog` of an attestor demand, and where their keys come from. */
export interface Logs extends Pick<Evidence, 'log' | 'timestamp'> {
  readonly sct: 'required' | 'ignored';
  readonly hazards: readonly string[];
}

/**
 * Kyverno demands an entry of Rekor unless `ignoreTlog` says otherwise, and knows the logs of the public-good instance
 * unless `pubkey` names another. With SigstoreBundle it asks for a trusted time too, unless `ignoreSCT` is set: where no
 * log is demanded that is a timestamp.
 */
export async function readLogs(
  document: SettingsDocument,
  path: JsonPath,
  { rekor, ctlog }: LogSpec,
  type: 'Cosign' | 'SigstoreBundle',
  owner: string,
  context: SpellingContext,
): Promise<Logs> {
  if (type === 'SigstoreBundle') refuseOwnKeys(document, path, { rekor, ctlog });
  const hazards: string[] = [];
  const publicGood = () => atAsync(document, path, () => context.publicGood());
  let log: Evidence['log'] = { demand: 'ignored' };
  if (rekor?.ignoreTlog !== true) {
    const { pubkey = '', url = '' } = rekor ?? {};
    if (pubkey === '' && url !== '' && url.replace(/\/$/, '') !== publicRekor) {
      hazards.push(`rekor.url ${JSON.stringify(url)} names no key, so the public-good logs count; write rekor.pubkey`);
    }
    const field = [...path, 'rekor', 'pubkey'];
    const roots =
      pubkey === ''
        ? await publicGood()
        : rootOfParts(`rekor of ${owner}`, { ...noParts, tlogs: [at(document, field, () => logOf(url, pubkey))] });
    log = { demand: 'required', roots };
  }
  return {
    log,
    timestamp: await readTimestamp(),
    sct: ctlog?.ignoreSCT === true ? 'ignored' : 'required',
    hazards,
  };

  async function readTimestamp(): Promise<Evidence['timestamp']> {
    const chain = ctlog?.tsaCertChain ?? '';
    if (chain === '') {
      const wanted = type === 'SigstoreBundle' && log.demand === 'ignored' && ctlog?.ignoreSCT !== true;
      return wanted ? { demand: 'required', roots: await publicGood() } : { demand: 'ignored' };
    }
    const field = [...path, 'ctlog', 'tsaCertChain'];
    const certificates = at(document, field, () => timestampChain(readCertificates(chain)));
    const timestampAuthorities = [authorityOf(certificates, '', { organization: '', commonName: '' })];
    return { demand: 'required', roots: rootOfParts(`tsaCertChain of ${owner}`, { ...noParts, timestampAuthorities }) };
  }
}

function refuseOwnKeys(document: SettingsDocument, path: JsonPath, { rekor, ctlog }: LogSpec): void {
  const why = 'with type SigstoreBundle Kyverno knows the public-good instance alone';
  const mend = 'Give the keys as a TrustRoot, and the rule as a ClusterImagePolicy.';
  refuseUnread(document, [...path, 'rekor'], rekor, { pubkey: [why, mend] });
  refuseUnread(document, [...path, 'ctlog'], ctlog, { pubkey: [why, mend], tsaCertChain: [why, mend] });
}

/** Whose certificates count: those of `pem`, or of the public-good instance; and which logs must have seen them. */
export async function readAuthorities(
  document: SettingsDocument,
  path: JsonPath,
  pem: { readonly field: string; readonly text: string },
  { ctlog }: LogSpec,
  sct: Logs['sct'],
  owner: string,
  context: SpellingContext,
): Promise<TrustRoot> {
  const publicGood = () => atAsync(document, path, () => context.publicGood());
  const pubkey = ctlog?.pubkey ?? '';
  if (pem.text === '' && pubkey === '') return publicGood();
  const field = [...path, pem.field];
  const certificateAuthorities =
    pem.text === ''
      ? partOf(await publicGood(), 'certificateAuthorities')
      : at(document, field, () =>
          authorityChains(readCertificates(pem.text)).map((chain) =>
            authorityOf(chain, '', { organization: '', commonName: '' }),
          ),
        );
  const keyField = [...path, 'ctlog', 'pubkey'];
  const ctlogs =
    pubkey !== ''
      ? [at(document, keyField, () => logOf('', pubkey))]
      : sct === 'ignored'
        ? []
        : partOf(await publicGood(), 'ctlogs');
  return rootOfParts(`${pem.field} of ${owner}`, { ...noParts, certificateAuthorities, ctlogs });
}
