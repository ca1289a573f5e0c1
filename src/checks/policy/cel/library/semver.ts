import {
  compareSemver,
  formatSemver,
  mendSemver,
  parseSemver,
  parseSemverTolerantly,
  type Semver,
  whyNoSemver,
} from '../../values/semver.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { evaluationError, noSuchOverload } from '../error.ts';
import { BOOL, INT, objectType, STRING } from '../types.ts';
import { CelObject, type CelValue } from '../values.ts';
import { quoted } from './go-quote.ts';
import { declare, method, overload, traversing } from './overload.ts';

const SEMVER = objectType('kubernetes.Semver');

/** A semantic version as a value of the language. It can only be compared with another one. */
class CelSemver extends CelObject {
  readonly version: Semver;

  constructor(version: Semver) {
    super();
    this.version = version;
  }

  override get type(): typeof SEMVER {
    return SEMVER;
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof CelSemver)) throw noSuchOverload();
    return compareSemver(this.version, other.version) === 0;
  }

  override toString(): string {
    return formatSemver(this.version);
  }
}

/** Kubernetes' functions of semantic versions, in their first version. */
export const SEMVER_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare(
    'semver',
    overload('string_to_semver', [STRING], SEMVER, toSemver, traversing()),
    overload('string_bool_to_semver', [STRING, BOOL], SEMVER, toSemver, traversing()),
  ),
  declare(
    'isSemver',
    overload('is_semver_string', [STRING], BOOL, isSemver, traversing()),
    overload('is_semver_string_bool', [STRING, BOOL], BOOL, isSemver, traversing()),
  ),
  declare(
    'isGreaterThan',
    method('semver_is_greater_than', [SEMVER, SEMVER], BOOL, (a: CelSemver, b: CelSemver) => order(a, b) > 0),
  ),
  declare(
    'isLessThan',
    method('semver_is_less_than', [SEMVER, SEMVER], BOOL, (a: CelSemver, b: CelSemver) => order(a, b) < 0),
  ),
  declare(
    'compareTo',
    method('semver_compare_to', [SEMVER, SEMVER], INT, (a: CelSemver, b: CelSemver) => BigInt(order(a, b))),
  ),
  declare(
    'major',
    method('semver_major', [SEMVER], INT, ({ version }: CelSemver) => BigInt.asIntN(64, version.major)),
  ),
  declare(
    'minor',
    method('semver_minor', [SEMVER], INT, ({ version }: CelSemver) => BigInt.asIntN(64, version.minor)),
  ),
  declare(
    'patch',
    method('semver_patch', [SEMVER], INT, ({ version }: CelSemver) => BigInt.asIntN(64, version.patch)),
  ),
];

function parse(text: string, tolerant = false): Semver | undefined {
  return tolerant ? parseSemverTolerantly(text) : parseSemver(text);
}

function isSemver(text: string, tolerant?: boolean): boolean {
  return parse(text, tolerant) !== undefined;
}

function toSemver(text: string, tolerant?: boolean): CelSemver {
  const version = parse(text, tolerant);
  if (version === undefined) throw evaluationError(whyRefused(text, tolerant));
  return new CelSemver(version);
}

function whyRefused(text: string, tolerant = false): string {
  const mended = tolerant ? mendSemver(text) : text;
  if (mended === undefined) return 'short version cannot contain PreRelease/Build meta data';
  return whyNoSemver(mended, quoted);
}

function order(a: CelSemver, b: CelSemver): number {
  return compareSemver(a.version, b.version);
}
