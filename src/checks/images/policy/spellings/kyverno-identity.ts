import { describePath, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { at, refusal } from '../complaint.ts';
import { readRegExp } from '../identity.ts';
import type { TextMatch } from '../model.ts';

/** An identity as every policy of Kyverno writes it: each part as a text, or as an expression beside it. */
interface WrittenIdentity {
  readonly issuer?: string | undefined;
  readonly issuerRegExp?: string | undefined;
  readonly subject?: string | undefined;
  readonly subjectRegExp?: string | undefined;
}

/**
 * The issuer and the subject of an identity; each is undefined where nothing is said of it. What a text means differs
 * between the kinds of policies: `asText` reads it. Throws IMAGE_POLICY_INVALID where one part is written both ways.
 */
export function readIdentityParts(
  document: SettingsDocument,
  path: JsonPath,
  written: WrittenIdentity,
  asText: (text: string) => TextMatch,
): { readonly issuer: TextMatch | undefined; readonly subject: TextMatch | undefined } {
  const read = (field: 'issuer' | 'subject') => {
    const { [field]: text = '', [`${field}RegExp` as const]: regExp = '' } = written;
    if (text !== '' && regExp !== '') {
      const why = `${describePath(path)} has both ${field} and ${field}RegExp; one says who is meant`;
      throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
    }
    if (regExp !== '') return at(document, [...path, `${field}RegExp`], () => readRegExp(regExp));
    return text === '' ? undefined : asText(text);
  };
  return { issuer: read('issuer'), subject: read('subject') };
}

/** What a person should know of an identity that leaves a part open. */
export function openPartHazards(issuer: TextMatch | undefined, subject: TextMatch | undefined): string[] {
  return [
    ...(issuer === undefined ? ['it names no issuer, so every issuer may vouch for the subject; write issuer'] : []),
    ...(subject === undefined ? ['it names no subject, so whoever the issuer knows is trusted; write subject'] : []),
  ];
}
