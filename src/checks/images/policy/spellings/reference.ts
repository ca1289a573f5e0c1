import { GateError } from '../../../../core/errors.ts';
import { type ImageReference, parseImageReference, repositoryName } from '../../../../core/image.ts';
import { describePath, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { refusal } from '../complaint.ts';

/** An image name in a policy. Throws IMAGE_POLICY_INVALID: a policy that cannot be read is no image that is denied. */
export function referenceAt(document: SettingsDocument, path: JsonPath, text: string): ImageReference {
  try {
    return parseImageReference(text);
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)}: ${error.message}`);
  }
}

/** `host/path`, canonical. Throws IMAGE_POLICY_INVALID; for a tag, a digest or a missing host too. */
export function repositoryAt(document: SettingsDocument, path: JsonPath, text: string): string {
  const { repository, tag, digest } = referenceAt(document, path, text);
  if (tag !== undefined || digest !== undefined) {
    const why = `${describePath(path)} has a tag or a digest, and a repository has none`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  const slash = text.indexOf('/');
  if (slash < 0 || (!/[.:]/.test(text.slice(0, slash)) && text.slice(0, slash) !== 'localhost')) {
    const why = `${describePath(path)} is not a registry host and a repository`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why, 'Write both, such as ghcr.io/org/app.');
  }
  return repositoryName(repository);
}
