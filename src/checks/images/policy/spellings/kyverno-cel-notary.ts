import { X509Certificate } from 'node:crypto';
import * as z from 'zod/mini';
import { describePath, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { certificatePolicy } from '../../notation/load.ts';
import { at, refusal } from '../complaint.ts';
import type { Authority } from '../model.ts';
import { refuseUnread } from './refuse.ts';

/** A text of an attestor, which may also be given as an expression. */
export const StringOrExpression = z.optional(
  z.strictObject({ value: z.optional(z.string()), expression: z.optional(z.string()) }),
);

/** `notary` of an attestor. */
export const Notary = z.strictObject({ certs: StringOrExpression, tsaCerts: StringOrExpression });

/** An attestor as an authority, and what a person should know of it, each a clause. */
export interface ReadAttestor {
  readonly authority: Authority;
  readonly hazards: readonly string[];
}

/** The text that stands there; an expression is refused, because what it gives is not known when the policy is loaded. */
export function textOf(document: SettingsDocument, path: JsonPath, given: z.infer<typeof StringOrExpression>): string {
  refuseUnread(document, path, given, { expression: ['it is CEL', 'Write the text itself as value.'] });
  return given?.value ?? '';
}

/** Kyverno's own trust policy for an attestor: level strict, and every identity below the certificates. */
export function readNotary(document: SettingsDocument, name: string, notary: z.infer<typeof Notary>): ReadAttestor {
  const ca = certificatesAt(document, ['notary', 'certs'], notary.certs);
  const tsa = certificatesAt(document, ['notary', 'tsaCerts'], notary.tsaCerts);
  if (ca.length === 0) {
    throw refusal(document, ['notary'], 'IMAGE_POLICY_INVALID', 'notary.certs holds no certificate');
  }
  const policy = at(document, ['notary'], () => certificatePolicy(name, ca, tsa));
  return {
    authority: { kind: 'notation', name, policy },
    hazards: [
      'whoever has a certificate below notary.certs may sign',
      'revocation is enforced and there are no crls, so certificates that name a place to ask are denied',
    ],
  };
}

function certificatesAt(
  document: SettingsDocument,
  path: JsonPath,
  given: z.infer<typeof StringOrExpression>,
): Uint8Array[] {
  const written = textOf(document, path, given);
  const blocks = [...written.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)];
  const labels = written.match(/-----BEGIN /g) ?? [];
  if (blocks.length !== labels.length || (written.trim() !== '' && blocks.length === 0)) {
    const why = `${describePath(path)} is not a list of PEM certificates`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  return blocks.map(([, body = '']) => {
    try {
      return new X509Certificate(Buffer.from(body, 'base64')).raw;
    } catch {
      const why = `${describePath(path)} has a PEM block that holds no certificate`;
      throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
    }
  });
}
