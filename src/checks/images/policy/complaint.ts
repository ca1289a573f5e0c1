import { GateError } from '../../../core/errors.ts';
import { describePath, type JsonPath } from '../../../core/json.ts';
import { describePlace } from '../../../core/manifest.ts';
import type { SettingsDocument } from '../../../core/settings-file.ts';

/** What is wrong with a trust policy, with the line that it belongs to. */
export type RefusalCode = 'IMAGE_POLICY_INVALID' | 'IMAGE_POLICY_UNSUPPORTED' | 'IMAGE_TRUST_ROOT_INVALID';

/** What `read` answers; a GateError that it throws gets the place of the value at `path` in front of it. */
export function at<T>(document: SettingsDocument, path: JsonPath, read: () => T, file?: string): T {
  try {
    return read();
  } catch (error) {
    throw placed(document, path, error, file);
  }
}

/** As `at`, for what has to be waited for. */
export async function atAsync<T>(document: SettingsDocument, path: JsonPath, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw placed(document, path, error);
  }
}

/** The same complaint, with the line of the policy that it belongs to. */
function placed(document: SettingsDocument, path: JsonPath, error: unknown, file?: string): unknown {
  if (!(error instanceof GateError)) return error;
  const where = describePlace(document.locate(path));
  const message = `${where}: ${describePath(path)}${file === undefined ? '' : ` (${file})`}: ${error.message}`;
  return new GateError(error.code, message, { mend: error.mend, place: where, cause: error.cause });
}

export function refusal(
  document: SettingsDocument,
  path: JsonPath,
  code: RefusalCode,
  why: string,
  mend?: string,
): GateError {
  const where = describePlace(document.locate(path, 'key'));
  return new GateError(code, `${where}: ${why}`, { place: where, ...(mend === undefined ? {} : { mend }) });
}
