import type { JsonValue } from '../../../core/json.ts';
import {
  type AttestedStatement,
  bounded,
  clockSkewMs,
  type PredicateContext,
  type PredicateObjection,
  show,
} from './judgement.ts';
import { type PackageUrl, readPackageUrl, showPackageUrl } from './package-url.ts';
import { Fields, readInstant, readStatement, Unreadable } from './reader.ts';
import type { VexRequirement } from './settings.ts';

/** Claims of one document about one image. */
const maxClaims = 10_000;

const statuses = ['not_affected', 'affected', 'fixed', 'under_investigation'] as const;
type Status = (typeof statuses)[number];

/** What an accepted signer says of one vulnerability in this very image. */
export interface VexClaim {
  /** The vulnerability and the other names it goes by. */
  readonly ids: readonly string[];
  readonly status: Status;
  /** When it was said, in milliseconds. */
  readonly time: number;
  /** Package URLs of the packages that it speaks of; empty where it speaks of the image whole. */
  readonly packages: readonly string[];
}

/**
 * The claims of an OpenVEX document about the image with this digest; what it says of others, or of a product without a
 * digest, is left out. Throws Unreadable.
 */
export function readVex({ statement, trustedTime }: AttestedStatement, { digest, now }: PredicateContext): VexClaim[] {
  const { predicate } = readStatement(statement);
  const context = predicate.text('@context');
  if (!/^https:\/\/openvex\.dev\/ns(\/v0\.(0\.1|0\.2|2\.0|2\.1))?$/.test(context)) {
    throw new Unreadable(`${show(context)} is not OpenVEX 0.0 or 0.2`);
  }
  const written = predicate.instant('timestamp');
  const claims: VexClaim[] = [];
  for (const each of predicate.objects('statements')) {
    const time = timeOf(each, written);
    if (time > Math.min(now, trustedTime ?? now) + clockSkewMs) {
      throw new Unreadable(`${each.name} is dated after it was signed, or in the future`);
    }
    const status = statuses.find((known) => known === each.text('status'));
    if (status === undefined) throw new Unreadable(`${each.name}.status is "${show(each.text('status'), 40)}"`);
    const reasoned = each.optionalText('justification') || each.optionalText('impact_statement');
    if (status === 'not_affected' && !reasoned) {
      throw new Unreadable(`${each.name} says not_affected and does not say why`, 'Add a justification to it.');
    }
    const ids = vulnerabilityIds(each);
    for (const product of each.list('products')) {
      const packages = packagesOf(product, each, digest.replace(/^sha256:/, ''));
      if (packages !== undefined) claims.push({ ids, status, time, packages });
      if (claims.length > maxClaims) throw new Unreadable(`it makes more than ${maxClaims} claims about this image`);
    }
  }
  return claims;
}

/** A statement's own time, or that of its document. */
function timeOf(statement: Fields, written: number): number {
  const times = ['timestamp', 'last_updated'].map((key) => statement.optionalText(key)).filter((text) => !!text);
  const read = times.map((text) => readInstant(text ?? ''));
  if (read.includes(undefined)) throw new Unreadable(`${statement.name} has a time that is none`);
  return read.length === 0 ? written : Math.max(...read.map((time) => time ?? 0));
}

/** 0.2 writes an object, 0.0 a text. */
function vulnerabilityIds(statement: Fields): string[] {
  if (typeof statement.value('vulnerability') === 'string') return [statement.text('vulnerability')];
  const vulnerability = statement.object('vulnerability');
  return [vulnerability.text('name'), ...vulnerability.texts('aliases')];
}

/** The packages that are meant within this image, where the product is this image; undefined where it is another. */
function packagesOf(product: JsonValue, statement: Fields, hex: string): string[] | undefined {
  if (typeof product === 'string') return isImage(product, hex) ? statement.texts('subcomponents') : undefined;
  const fields = new Fields(product, `${statement.name}.products`);
  const hashes = fields.optionalObject('hashes');
  const hash = hashes?.optionalText('sha-256') ?? hashes?.optionalText('sha256');
  const names = [fields.optionalText('@id'), fields.optionalObject('identifiers')?.optionalText('purl')];
  if (hash !== hex && !names.some((name) => name !== undefined && isImage(name, hex))) return undefined;
  // One that cannot be compared with a package must not come to mean the whole image.
  return fields
    .objects('subcomponents')
    .map((each) => each.optionalObject('identifiers')?.optionalText('purl') ?? each.optionalText('@id') ?? '');
}

/** `pkg:oci/app@sha256%3A…`, or the digest within another name of the image. */
function isImage(name: string, hex: string): boolean {
  const purl = readPackageUrl(name);
  if (purl !== undefined) return /^(oci|docker)\//.test(purl.name) && purl.version === `sha256:${hex}`;
  return name.endsWith(`@sha256:${hex}`) || name === `sha256:${hex}`;
}

/** Whether claims take a vulnerability off a package. */
export type IsSuppressed = (of: { readonly ids: readonly string[]; readonly purl: string | undefined }) => boolean;

/** The newest claims that speak of both must all say not_affected or fixed: older ones do not count. */
export function suppressedBy(claims: readonly VexClaim[]): IsSuppressed {
  const byId = new Map<string, { readonly claim: VexClaim; readonly speaksOf: ReturnType<typeof packageMatch> }[]>();
  for (const claim of claims) {
    const known = { claim, speaksOf: packageMatch(claim.packages) };
    for (const id of new Set(claim.ids)) {
      const others = byId.get(id) ?? [];
      others.push(known);
      byId.set(id, others);
    }
  }
  return ({ ids, purl }) => {
    const wanted = purl === undefined ? undefined : readPackageUrl(purl);
    const about = ids.flatMap((id) => byId.get(id) ?? []).filter(({ speaksOf }) => speaksOf(wanted));
    const latest = about.reduce((most, { claim }) => Math.max(most, claim.time), Number.NEGATIVE_INFINITY);
    const last = about.filter(({ claim }) => claim.time === latest);
    return last.length > 0 && last.every(({ claim }) => claim.status === 'not_affected' || claim.status === 'fixed');
  };
}

/** Whether a package is among those that are named: with version and without qualifiers, or of any version. */
function packageMatch(packages: readonly string[]): (wanted: PackageUrl | undefined) => boolean {
  if (packages.length === 0) return () => true;
  const named = packages.map(readPackageUrl).filter((each) => each !== undefined);
  const exact = new Set(named.filter(({ version }) => version !== undefined).map(showPackageUrl));
  const anyVersion = new Set(named.filter(({ version }) => version === undefined).map(({ name }) => name));
  return (wanted) => wanted !== undefined && (exact.has(showPackageUrl(wanted)) || anyVersion.has(wanted.name));
}

/** Judges OpenVEX by itself: what the newest claims say of each vulnerability. Never throws for what a statement holds. */
export function judgeVex(
  requirement: VexRequirement,
  statements: readonly AttestedStatement[],
  context: PredicateContext,
): PredicateObjection[] {
  const { claims, objections } = collectVex(statements, context);
  if (objections.length === 0 && claims.length === 0) {
    const message = 'the VEX says nothing of this digest';
    return [
      { kind: 'failed', message, mend: `Name the product as pkg:oci/NAME@${context.digest.replace(':', '%3A')}.` },
    ];
  }
  const groups = new Map<string, VexClaim[]>();
  for (const claim of claims) {
    const key = JSON.stringify([claim.ids[0], [...claim.packages].sort()]);
    const group = groups.get(key) ?? [];
    group.push(claim);
    groups.set(key, group);
  }
  for (const group of groups.values()) {
    const latest = group.reduce((most, { time }) => Math.max(most, time), Number.NEGATIVE_INFINITY);
    const bad = group.find(
      ({ time, status }) => time === latest && requirement.denyStatuses.some((denied) => denied === status),
    );
    if (bad === undefined) continue;
    const of = bad.packages.length === 0 ? '' : ` (${show(bad.packages.join(', '))})`;
    objections.push({
      kind: 'failed',
      message: `VEX: ${show(bad.ids[0] ?? '', 60)}${of} is ${bad.status}`,
      mend: 'Mend the vulnerability, or publish a newer VEX statement about this digest.',
    });
  }
  return bounded(objections);
}

/** The claims of all documents, and what is wrong with those that cannot be read. */
export function collectVex(
  statements: readonly AttestedStatement[],
  context: PredicateContext,
): { readonly claims: VexClaim[]; readonly objections: PredicateObjection[] } {
  const claims: VexClaim[] = [];
  const objections: PredicateObjection[] = [];
  for (const each of statements) {
    try {
      claims.push(...readVex(each, context));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      objections.push({
        kind: 'unreadable',
        message: `VEX by ${show(each.signer)}: ${error.message}`,
        mend: error.mend,
      });
    }
  }
  return { claims, objections };
}
