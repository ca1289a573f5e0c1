import { join } from 'node:path';
import { GateError } from '../../../core/errors.ts';
import { Malformed } from '../verify/json.ts';
import { basicConstraintsOf, type Certificate, isIssuedBy, readCertificate } from './certificate.ts';
import { blocksOf, bytesOf, filesIn, type Mounted } from './folder.ts';
import type { RevocationList } from './model.ts';
import { readRevocationList } from './revocation.ts';

export const storeTypes = ['ca', 'signingAuthority', 'tsa'] as const;
export type StoreType = (typeof storeTypes)[number];

const maxStoreFileBytes = 1024 * 1024;
const maxListBytes = 16 * 1024 * 1024;

/**
 * The certificates of a named store, in DER. As for Notation itself: authorities or certificates that issued themselves,
 * and for timestamps roots alone. An intermediate authority narrows trust to what it issued. Throws IMAGE_POLICY_MISSING
 * and IMAGE_POLICY_INVALID.
 */
export async function readStore(root: Mounted, type: StoreType, name: string): Promise<readonly Uint8Array[]> {
  const folder = { path: join(root.path, 'x509', type, name), shown: `${root.shown}/x509/${type}/${name}` };
  const certificates: Uint8Array[] = [];
  for (const file of await filesIn(folder, root, ['.pem', '.crt', '.cer'])) {
    for (const der of blocksOf(await bytesOf(file, root, maxStoreFileBytes), 'CERTIFICATE', file)) {
      const certificate = read(file, () => readCertificate(der, 'it'));
      const problem = read(file, () => anchorProblem(certificate, type));
      if (problem !== undefined) throw invalid(file, problem);
      certificates.push(certificate.der);
    }
  }
  if (certificates.length === 0) throw new GateError('IMAGE_POLICY_MISSING', `${folder.shown} holds no certificate`);
  return certificates;
}

/** Throws IMAGE_POLICY_INVALID for a certificate in DER that a store of the type cannot hold. */
export function checkAnchor(der: Uint8Array, type: StoreType): void {
  const file = { path: '', shown: 'the certificate' };
  const problem = read(file, () => anchorProblem(readCertificate(der, 'it'), type));
  if (problem !== undefined) throw invalid(file, problem);
}

function anchorProblem(certificate: Certificate, type: StoreType): string | undefined {
  const root = isIssuedBy(certificate, certificate);
  if (type === 'tsa' && !root)
    return 'its certificate did not issue itself, and timestamp authorities are trusted by their roots alone';
  if (root || basicConstraintsOf(certificate)?.authority === true) return undefined;
  return 'its certificate is neither that of an authority nor one that issued itself';
}

/** All revocation lists of a folder. Throws for one that cannot be used: what it says would go unheard. */
export async function readLists(root: Mounted): Promise<readonly RevocationList[]> {
  const lists: RevocationList[] = [];
  for (const file of await filesIn(root, root, ['.crl', '.pem', '.der'])) {
    for (const der of blocksOf(await bytesOf(file, root, maxListBytes), 'X509 CRL', file)) {
      lists.push(read(file, () => readRevocationList(der, file.shown)));
    }
  }
  return lists;
}

function read<T>(file: Mounted, from: () => T): T {
  try {
    return from();
  } catch (error) {
    if (error instanceof Malformed) throw invalid(file, error.message);
    throw error;
  }
}

function invalid(file: Mounted, why: string): GateError {
  return new GateError('IMAGE_POLICY_INVALID', `${file.shown} cannot be used: ${why}`, {
    mend: 'Replace the file, or take it out of the folder.',
    place: file.shown,
  });
}
