import { describePath, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { refusal } from '../complaint.ts';
import type { Authority } from '../model.ts';
import { unsupported } from './refuse.ts';

/** So many of the authorities must be satisfied. Several clauses must all hold. */
export interface Clause {
  readonly authorities: readonly [Authority, ...Authority[]];
  readonly quorum: number;
  readonly hazards: readonly string[];
}

/** A nest multiplies its clauses out; nobody writes one that has more. */
const maxClauses = 64;

/**
 * The clauses that hold exactly if `required` of the items do, each of which holds if all its clauses do. All of them:
 * one after the other. One of them: every choice of a clause from each. Between the two only single authorities can
 * be counted; anything else is refused as unsupported.
 */
export function requireOf(
  document: SettingsDocument,
  path: JsonPath,
  items: readonly (readonly Clause[])[],
  required: number,
): Clause[] {
  const [first] = items;
  if (first === undefined || required < 1 || required > items.length) {
    const why = `${describePath(path)} asks for ${required} of ${items.length}`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  if (required === items.length) return items.flat();
  if (required === 1) return oneOf(document, path, items);
  const counted = items.map((clauses) => {
    const [only, ...more] = clauses;
    if (only === undefined || more.length > 0 || only.authorities.length > 1) {
      const why = `${required} of ${items.length} where one of them is a set of its own`;
      throw unsupported(document, path, why, 'Write out the sets, or count all or one of them.');
    }
    return only;
  });
  refuseDoubles(document, path, counted);
  return [
    {
      authorities: counted.flatMap((each) => each.authorities) as unknown as Clause['authorities'],
      quorum: required,
      hazards: counted.flatMap((each) => each.hazards),
    },
  ];
}

function oneOf(document: SettingsDocument, path: JsonPath, items: readonly (readonly Clause[])[]): Clause[] {
  let chosen: Clause[] = [];
  for (const [i, clauses] of items.entries()) {
    if (clauses.some((each) => each.quorum > 1)) {
      throw unsupported(document, path, 'one of several, of which one counts', 'Count all or one of the inner set.');
    }
    chosen = i === 0 ? [...clauses] : chosen.flatMap((left) => clauses.map((right) => either(left, right)));
    if (chosen.length > maxClauses)
      throw unsupported(document, path, `it means more than ${maxClauses} demands at once`);
  }
  return chosen;
}

function either(left: Clause, right: Clause): Clause {
  return {
    authorities: [...left.authorities, ...right.authorities],
    quorum: 1,
    hazards: [...left.hazards, ...right.hazards],
  };
}

/** One signature must not count as those of two. */
function refuseDoubles(document: SettingsDocument, path: JsonPath, counted: readonly Clause[]): void {
  const seen = new Set<string>();
  for (const { authorities } of counted) {
    const [authority] = authorities;
    const who =
      authority.kind === 'key'
        ? authority.key.fingerprint
        : authority.kind === 'keyless'
          ? JSON.stringify([authority.identities, authority.roots.digest])
          : authority.name;
    if (seen.has(who)) {
      const why = `${describePath(path)} has one signer twice, and a single signature of theirs would count as two`;
      throw refusal(document, path, 'IMAGE_POLICY_INVALID', why, 'Name each signer once.');
    }
    seen.add(who);
  }
}
