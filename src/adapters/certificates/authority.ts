import { X509Certificate } from 'node:crypto';
import type { JsonObject } from '../../core/json.ts';
import { type KubeObject, type KubeResource, valueAt } from '../../core/kube.ts';
import { type KeyPair, readPair } from './issue.ts';

export const SECRET: KubeResource = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
export const WEBHOOK_CONFIGURATION: KubeResource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  namespaced: false,
};

/** What the Secret holds. */
export interface Authority {
  /** Signs the certificates that are served. */
  readonly current: KeyPair;
  /** Takes its place once those who call the webhook trust it. */
  readonly next: KeyPair | undefined;
  /** Whom they go on trusting for a while; their keys are gone. */
  readonly previous: readonly string[];
  /** What every replica serves. */
  readonly serving: KeyPair;
}

/** What can still be used of a Secret that somebody may have written to, or of one that was never filled. */
export type FoundAuthority = Partial<Omit<Authority, 'previous'>> & Pick<Authority, 'previous'>;

const [CURRENT, NEXT, SERVING] = ['ca', 'next', 'tls'];
const PREVIOUS = 'previous.crt';
/** A Secret holds a megabyte; ours a few thousand bytes. */
const MAX_FIELD = 64 * 1024;
const MAX_AUTHORITIES = 8;

export function readAuthority(secret: KubeObject | undefined): FoundAuthority {
  const authority = (name: string) => {
    const found = pairOf(secret, name);
    return found?.certificate.ca === true ? found.pair : undefined;
  };
  const [current, next, serving] = [
    authority(CURRENT as string),
    authority(NEXT as string),
    pairOf(secret, SERVING as string),
  ];
  return {
    ...(current !== undefined && { current }),
    ...(next !== undefined && { next }),
    ...(serving !== undefined && { serving: serving.pair }),
    previous: authoritiesOf(fieldOf(secret, PREVIOUS)),
  };
}

/** The object to write: what else is in the Secret stays as it is. */
export function asSecret(
  authority: Authority,
  before: KubeObject | undefined,
  at: { readonly namespace: string; readonly name: string },
): JsonObject {
  const own: Record<string, string> = {};
  const put = (name: string, pair: KeyPair | undefined) => {
    if (pair === undefined) return;
    own[`${name}.crt`] = pair.cert;
    own[`${name}.key`] = pair.key;
  };
  put(CURRENT as string, authority.current);
  put(NEXT as string, authority.next);
  put(SERVING as string, authority.serving);
  if (authority.previous.length > 0) own[PREVIOUS] = authority.previous.join('');
  const known = [CURRENT, NEXT, SERVING].flatMap((name) => [`${name}.crt`, `${name}.key`]).concat(PREVIOUS);
  const others = Object.entries((valueAt(before, 'data') ?? {}) as JsonObject).filter(
    ([name]) => !known.includes(name),
  );
  const data = Object.entries(own).map(([name, text]) => [name, Buffer.from(text).toString('base64')] as const);
  return {
    ...((before ?? {}) as JsonObject),
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...((before?.metadata ?? {}) as unknown as JsonObject), ...at },
    data: { ...Object.fromEntries(others), ...Object.fromEntries(data) },
  };
}

/** Everybody whom callers of the webhook are to trust, each once. */
export function bundleOf({ current, next, previous }: Authority): string {
  return [...new Set([...previous, current.cert, ...(next === undefined ? [] : [next.cert])].map(normal))].join('');
}

/** The authorities of a PEM text, without what cannot be read; at most a few. */
export function authoritiesOf(text: string | undefined): readonly string[] {
  const blocks = text?.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  return [...new Set(blocks.slice(-MAX_AUTHORITIES).filter(isAuthority).map(normal))];
}

/** One spelling of each certificate, so that texts can be compared. */
export function normal(cert: string): string {
  return new X509Certificate(cert).toString();
}

/** Whether one authority made a certificate. */
export function isFrom(authority: string, cert: string): boolean {
  const [issuer, issued] = [new X509Certificate(authority), new X509Certificate(cert)];
  return issued.checkIssued(issuer) && issued.verify(issuer.publicKey);
}

function isAuthority(cert: string): boolean {
  try {
    return new X509Certificate(cert).ca;
  } catch {
    return false;
  }
}

function pairOf(secret: KubeObject | undefined, name: string) {
  const [cert, key] = [fieldOf(secret, `${name}.crt`), fieldOf(secret, `${name}.key`)];
  return cert === undefined || key === undefined ? undefined : readPair(cert, key);
}

function fieldOf(secret: KubeObject | undefined, name: string): string | undefined {
  const value = valueAt(secret, 'data', name);
  if (typeof value !== 'string' || value.length > MAX_FIELD) return undefined;
  return Buffer.from(value, 'base64').toString('utf8');
}
