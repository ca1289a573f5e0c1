import { RE2JS } from 're2js';
import { GateError } from '../../../core/errors.ts';
import { describePath, type JsonPath } from '../../../core/json.ts';
import type { SettingsDocument } from '../../../core/settings-file.ts';
import { at, refusal } from './complaint.ts';
import type { IdentityPair, TextMatch } from './model.ts';
import type { Identity } from './schema.ts';

/** Longer than any issuer or subject; the expression is compiled for each run. */
const maxRegExpLength = 2048;

/** The pairs of `keyless.identities`. Issuer and subject stay together: a pair is never taken apart. */
export function readIdentities(
  document: SettingsDocument,
  path: JsonPath,
  identities: readonly Identity[] | undefined,
): IdentityPair[] {
  if (identities === undefined || identities.length === 0) {
    const why = `${describePath(path)} is required: it says whose certificates count`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why, 'Name an issuer and a subject.');
  }
  return identities.map((identity, i) => ({
    issuer: readPart(document, [...path, i], 'issuer', identity.issuer, identity.issuerRegExp),
    subject: readPart(document, [...path, i], 'subject', identity.subject, identity.subjectRegExp),
  }));
}

/** As upstream an empty text is no text; exactly one of the two must be there. */
function readPart(
  document: SettingsDocument,
  path: JsonPath,
  field: 'issuer' | 'subject',
  equal: string | undefined,
  regExp: string | undefined,
): TextMatch {
  const pattern = `${field}RegExp`;
  if (!equal === !regExp) {
    const what = equal ? `has both ${field} and ${pattern}` : `has neither ${field} nor ${pattern}`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} ${what}; exactly one is needed`);
  }
  if (regExp) return at(document, [...path, pattern], () => readRegExp(regExp));
  return { equal: equal ?? '' };
}

/** A Go regular expression as text that is known to compile. Throws IMAGE_POLICY_INVALID. */
export function readRegExp(written: string): TextMatch {
  if (written.length > maxRegExpLength) {
    throw new GateError('IMAGE_POLICY_INVALID', `the expression is longer than ${maxRegExpLength} characters`);
  }
  try {
    RE2JS.compile(written);
  } catch (error) {
    throw new GateError('IMAGE_POLICY_INVALID', `${JSON.stringify(written)} is not a Go regular expression`, {
      mend: 'Correct it; look-ahead, look-behind and back references do not exist there.',
      cause: error,
    });
  }
  return { regExp: written };
}

/** What the author of an identity probably did not mean, each a clause. */
export function identityHazards(authority: string, pairs: readonly IdentityPair[]): string[] {
  const clauses = pairs.flatMap(({ issuer, subject }) => [
    ...(issuer === 'any' ? [] : regExpHazards('issuer', issuer)),
    ...regExpHazards('subject', subject),
  ]);
  return [...new Set(clauses)].map((clause) => `authority ${authority}: ${clause}`);
}

function regExpHazards(field: 'issuer' | 'subject', match: TextMatch): string[] {
  if ('equal' in match) return [];
  const { regExp } = match;
  const shown = `${field}RegExp ${JSON.stringify(regExp)}`;
  const compiled = RE2JS.compile(regExp);
  if (compiled.matcher('').find() && compiled.matcher('anybody@else.example').find()) {
    return [`${shown} matches every ${field}`];
  }
  if (isAnchored(regExp)) return [];
  return [`${shown} is not anchored at both ends, so it also matches inside a longer text; ${safer(field, regExp)}`];
}

/** The spelling that means what was probably meant. */
function safer(field: 'issuer' | 'subject', regExp: string): string {
  if (!/[\\^$*+?()[\]{}|]/.test(regExp)) return `write ${field}: ${JSON.stringify(regExp)}`;
  if (/^\.[*+]|\.[*+]$/.test(regExp)) return 'write out what stands before and after, between ^ and $';
  const inner = regExp.replace(/^\^/, '').replace(/(?<!\\)\$$/, '');
  return `write ${field}RegExp: ${JSON.stringify(`^(?:${inner})$`)}`;
}

/** Whether each alternative at the top begins at the begin and ends at the end of the text. */
function isAnchored(regExp: string): boolean {
  return alternatives(regExp).every((each) => /^(?:\^|\\A)/.test(each) && /(?:(?:^|[^\\])(?:\\\\)*\$|\\z)$/.test(each));
}

/** The alternatives at the top: those of a group or class stay inside theirs. */
function alternatives(regExp: string): string[] {
  const found = [''];
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < regExp.length; i++) {
    const character = regExp[i] ?? '';
    if (character === '|' && depth === 0 && !inClass) {
      found.push('');
      continue;
    }
    found.push(`${found.pop()}${character}${character === '\\' ? (regExp[++i] ?? '') : ''}`);
    if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
  }
  return found;
}
