import type * as z from 'zod/mini';
import { type Code, GateError } from '../../core/errors.ts';
import type { JsonObject, JsonPath } from '../../core/json.ts';
import { fitTo } from '../../core/settings-file.ts';

/** One object of a file of policies, as it was read. */
export interface PolicyDocument {
  readonly value: JsonObject;
  /** As messages print it: `policies/pods.yaml`. */
  readonly file: string;
  /** Which document of the file it is, from 0. */
  readonly document: number;
  /** `policies/pods.yaml:12:5`: the place of the value (or, with `key`, of the key) at a path, or of the nearest parent. */
  locate(path: JsonPath, part?: 'key' | 'value'): string;
}

/** A GateError about one place of a policy. `message` says what is wrong there, without the place. */
export function policyError(
  document: PolicyDocument,
  path: JsonPath,
  message: string,
  code: Code = 'POLICY_INVALID',
  options: { readonly part?: 'key' | 'value'; readonly mend?: string; readonly cause?: unknown } = {},
): GateError {
  const place = document.locate(path, options.part);
  return new GateError(code, `${place}: ${message}`, {
    place,
    ...(options.mend !== undefined && { mend: options.mend }),
    ...(options.cause !== undefined && { cause: options.cause }),
  });
}

/** The document as its schema's type. Throws POLICY_INVALID with the place of the first thing that does not fit. */
export function validateDocument<Schema extends z.ZodMiniType>(
  schema: Schema,
  document: PolicyDocument,
): z.infer<Schema> {
  const fitted = fitTo(schema, document.value, 'the policy');
  if ('value' in fitted) return fitted.value;
  throw policyError(document, fitted.path, fitted.message, 'POLICY_INVALID', { part: fitted.part });
}
