import { createHash } from 'node:crypto';

/** What the rounds of a store's tests write: large enough to be written in several pieces, and every round another. */
export const key = { namespace: 'apps', name: 'shop' };

export function contentOf(round: number): { name: string; bytes: Uint8Array }[] {
  const pieces = Array.from({ length: 3000 }, (_, at) => createHash('sha512').update(`${round} ${at}`).digest());
  return [{ name: 'manifests.yaml', bytes: Buffer.concat(pieces) }];
}
