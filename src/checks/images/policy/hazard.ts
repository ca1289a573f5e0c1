import { partOf } from './certificate.ts';
import { identityHazards } from './identity.ts';
import type { Authority, Evidence, KeylessAuthority } from './model.ts';
import { isUri } from './predicate-type.ts';
import { type AuthoritySpec, v1beta1 } from './schema.ts';

const publicRekor = 'rekor.sigstore.dev';
const publicFulcio = 'fulcio.sigstore.dev';

/**
 * What the author of the authorities probably did not mean, each a clause with the safer spelling. policy-controller
 * loads all of it without a word; so does syncgate, with one.
 */
export function authorityHazards(
  specs: readonly AuthoritySpec[],
  authorities: readonly Authority[],
  apiVersion: string,
): string[] {
  const clauses = authorities.flatMap((authority, i) => {
    const spec = specs[i];
    return spec === undefined ? [] : [...hazardsOf(spec, authority), ...conversionHazards(spec, authority, apiVersion)];
  });
  const passes = authorities.find((each) => each.kind === 'static' && each.action === 'pass');
  if (passes === undefined || authorities.length === 1) return clauses;
  return [`authority ${passes.name} passes everything, so the other authorities are never needed`, ...clauses];
}

function hazardsOf(spec: AuthoritySpec, authority: Authority): string[] {
  if (authority.kind !== 'key' && authority.kind !== 'keyless') return [];
  const clauses = [
    ...(authority.kind === 'keyless' ? keylessHazards(spec, authority) : []),
    ...logHazards(spec, authority),
    ...formatHazards(spec, authority),
  ];
  const named = clauses.map((clause) => `authority ${authority.name}: ${clause}`);
  return authority.kind === 'keyless' ? [...named, ...identityHazards(authority.name, authority.identities)] : named;
}

/** What the conversion to the version that a cluster stores would lose. */
function conversionHazards({ ctlog }: AuthoritySpec, { name }: Authority, apiVersion: string): string[] {
  if (apiVersion !== v1beta1 || ctlog?.url || !ctlog?.trustRootRef) return [];
  return [
    `authority ${name}: policy-controller drops a ctlog of v1beta1 that has no url, and demands no log; write its url beside trustRootRef`,
  ];
}

function keylessHazards({ keyless, ctlog, rfc3161timestamp }: AuthoritySpec, authority: KeylessAuthority): string[] {
  const clauses: string[] = [];
  const caOnly = keyless?.['ca-cert'] !== undefined;
  const root = keyless?.trustRootRef;
  if (caOnly)
    clauses.push(
      'ca-cert alone is not evaluated by policy-controller, which fails every image; give a TrustRoot and trustRootRef',
    );
  if (!root && !caOnly && keyless?.url && hostOf(keyless.url) !== publicFulcio) {
    clauses.push(
      `url ${JSON.stringify(keyless.url)} names no certificates: without trustRootRef those of the public-good instance count; give its TrustRoot`,
    );
  }
  if (authority.sct === 'ignored') clauses.push('insecureIgnoreSCT takes certificates that no log has seen');
  else if (partOf(authority.roots, 'ctlogs').length === 0) {
    clauses.push(
      `${authority.roots.name} has no certificate log, so no certificate can satisfy it; add ctLogs, or insecureIgnoreSCT: true`,
    );
  }
  if (partOf(authority.roots, 'certificateAuthorities').length === 0) {
    clauses.push(`${authority.roots.name} has no certificate authority, so no certificate can satisfy it`);
  }
  if (authority.log.demand === 'ignored' && authority.timestamp.demand === 'ignored') {
    const mend = root ? `add ctlog: {url: …, trustRootRef: ${root}}` : 'leave ctlog out';
    const why = ctlog === undefined && rfc3161timestamp === undefined ? 'without ctlog' : 'with an empty ctlog';
    clauses.push(
      `${why} no log and no timestamp is demanded, so certificates must be valid now and those of Fulcio never are; ${mend}`,
    );
  }
  return clauses;
}

function logHazards({ ctlog, key, rfc3161timestamp }: AuthoritySpec, authority: Evidence): string[] {
  const clauses: string[] = [];
  if (key !== undefined && ctlog === undefined && rfc3161timestamp === undefined) {
    clauses.push(
      'without ctlog no log entry is demanded of signatures by a key, so nobody sees what a stolen key signs; write ctlog: {url: https://rekor.sigstore.dev} or the url and trustRootRef of another to demand one, or ctlog: {} to say that none is',
    );
  }
  if (ctlog?.url && !ctlog.trustRootRef && hostOf(ctlog.url) !== publicRekor) {
    clauses.push(
      `ctlog.url ${JSON.stringify(ctlog.url)} names no key: without trustRootRef the logs of the public-good instance count; give its TrustRoot`,
    );
  }
  if (authority.log.demand === 'required' && partOf(authority.log.roots, 'tlogs').length === 0) {
    clauses.push(`${authority.log.roots.name} has no transparency log, so nothing can satisfy it; add tLogs`);
  }
  if (rfc3161timestamp !== undefined && !rfc3161timestamp.trustRootRef) {
    clauses.push(
      'rfc3161timestamp names no trustRootRef; policy-controller demands no timestamp then, and syncgate does',
    );
  }
  if (
    authority.timestamp.demand === 'required' &&
    partOf(authority.timestamp.roots, 'timestampAuthorities').length === 0
  ) {
    clauses.push(`${authority.timestamp.roots.name} has no timestamp authority, so nothing can satisfy it`);
  }
  return clauses;
}

function formatHazards(spec: AuthoritySpec, authority: Evidence): string[] {
  const clauses: string[] = [];
  if (authority.format === 'bundle' && spec.key !== undefined) {
    clauses.push('signatureFormat: bundle with a key fails every image in policy-controller; here it is evaluated');
  } else if (authority.format === 'bundle' && authority.attestations.length === 0) {
    clauses.push(
      'signatureFormat: bundle without attestations fails every image in policy-controller; there, list the predicateType https://sigstore.dev/cosign/sign/v1',
    );
  }
  for (const { predicateType } of authority.attestations) {
    if (!isUri(predicateType)) {
      clauses.push(`predicateType ${JSON.stringify(predicateType)} is neither a URI nor a name that cosign knows`);
    }
  }
  return clauses;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
