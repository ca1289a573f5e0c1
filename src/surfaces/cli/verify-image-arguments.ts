import { predicateTypeNames } from '../../checks/images/policy/predicate-type.ts';
import { GateError } from '../../core/errors.ts';
import { nearest } from '../../core/settings-file.ts';

/** `syncgate verify-image`, before anything has been looked at in the world. */
export interface VerifyImageCommand {
  readonly name: 'verify-image';
  readonly references: readonly string[];
  /** Undefined: the policies of the Gate say who must have signed. */
  readonly signer: AskedBy | undefined;
  /** A trusted_root.json; undefined: that of the public-good instance, or for keys none. */
  readonly trustedRoot: string | undefined;
  readonly predicateTypes: readonly string[];
  readonly explain: boolean;
  readonly options: VerifyImageOptions;
}

export interface VerifyImageOptions {
  readonly config: string | undefined;
  readonly output: 'text' | 'json' | 'yaml';
  readonly quiet: boolean;
  readonly color: boolean;
  readonly timeoutSeconds: number | undefined;
}

type AskedBy =
  | { readonly keyFile: string }
  | { readonly issuer: AskedText; readonly subject: AskedText; readonly ignoreSct: boolean };
type AskedText = { readonly equal: string } | { readonly regExp: string };

/** Named as cosign names them. */
export const verifyImageFlags = {
  key: { type: 'string' },
  'certificate-identity': { type: 'string' },
  'certificate-identity-regexp': { type: 'string' },
  'certificate-oidc-issuer': { type: 'string' },
  'certificate-oidc-issuer-regexp': { type: 'string' },
  'insecure-ignore-sct': { type: 'boolean' },
  'trusted-root': { type: 'string' },
  type: { type: 'string', multiple: true },
  explain: { type: 'boolean' },
} as const;

export const verifyImageFlagHelp: readonly (readonly [string, string])[] = [
  ['-c, --config FILE', 'the Gate: its policies, unless a signer is given here, and its registries'],
  ['    --key FILE', 'instead of policies: the public key that must have signed'],
  ['    --certificate-identity TEXT', 'instead of policies: who must have signed, the whole subject alternative name'],
  ['    --certificate-identity-regexp RE', 'the same as an expression (RE2), which matches anywhere unless anchored'],
  ['    --certificate-oidc-issuer URL', 'who must have vouched for that identity'],
  ['    --certificate-oidc-issuer-regexp RE', 'the same as an expression'],
  ['    --insecure-ignore-sct', 'certificates need not be in a certificate log'],
  ['    --trusted-root FILE', 'a trusted_root.json, whose log is then demanded for keys too; else the public-good one'],
  ['    --type TYPE', 'attestations that there must be instead of a signature: a URI, or slsaprovenance1 … (repeat)'],
  ['    --explain', 'which policies match and why, and at which step each signature failed'],
  ['    --timeout SECONDS', 'for all images together; 120 by itself'],
  ['-q, --quiet', 'no line of progress'],
  ['    --no-color', 'no colours, even on a terminal'],
];

/** Throws USAGE for no image, and for half a signer. */
export function readVerifyImage(
  values: Readonly<Record<string, unknown>>,
  positionals: readonly string[],
  options: VerifyImageOptions,
): VerifyImageCommand {
  if (positionals.length === 0) throw usage('syncgate verify-image takes one image or more');
  const text = (flag: string) => values[flag] as string | undefined;
  const ignoreSct = values['insecure-ignore-sct'] === true;
  const signer = readSigner(text, ignoreSct);
  if (ignoreSct && (signer === undefined || 'keyFile' in signer))
    throw usage('--insecure-ignore-sct goes with --certificate-identity; policies and keys say it in their own way');
  const trustedRoot = text('trusted-root');
  const predicateTypes = (values['type'] as string[] | undefined) ?? [];
  if (signer === undefined && trustedRoot !== undefined)
    throw usage('--trusted-root goes with --key or --certificate-identity; policies name their own roots');
  if (predicateTypes.includes('')) throw usage('--type is empty');
  for (const type of predicateTypes) demandPredicateType(type);
  if (signer === undefined && predicateTypes.length > 0)
    throw usage('--type goes with --key or --certificate-identity; policies name their own attestations');
  return {
    name: 'verify-image',
    references: positionals,
    signer,
    trustedRoot,
    predicateTypes,
    explain: values['explain'] === true,
    options,
  };
}

function readSigner(text: (flag: string) => string | undefined, ignoreSct: boolean): AskedBy | undefined {
  const keyFile = text('key');
  const subject = readText(text, 'certificate-identity');
  const issuer = readText(text, 'certificate-oidc-issuer');
  if (keyFile !== undefined) {
    if (subject !== undefined || issuer !== undefined)
      throw usage('syncgate verify-image takes --key or an identity, not both');
    return { keyFile };
  }
  if (subject === undefined && issuer === undefined) return undefined;
  // An issuer vouches for anybody, and a name alone could be given out by any issuer.
  if (subject === undefined || issuer === undefined)
    throw usage('syncgate verify-image needs --certificate-identity and --certificate-oidc-issuer together');
  return { subject, issuer, ignoreSct };
}

function readText(text: (flag: string) => string | undefined, flag: string): AskedText | undefined {
  const [equal, regExp] = [text(flag), text(`${flag}-regexp`)];
  if (equal !== undefined && regExp !== undefined) throw usage(`--${flag} and --${flag}-regexp were both given`);
  if (equal === '' || regExp === '') throw usage(`--${flag} is empty`);
  if (equal !== undefined) return { equal };
  return regExp === undefined ? undefined : { regExp };
}

/** What is neither a URI nor a name of cosign's is the type of nothing that anybody attests. */
function demandPredicateType(type: string): void {
  if (URL.canParse(type) || predicateTypeNames.includes(type)) return;
  const near = nearest(type, predicateTypeNames);
  const hint = near === undefined ? `names are ${predicateTypeNames.join(', ')}` : `did you mean ${near}?`;
  throw usage(`--type ${JSON.stringify(type)} is neither a URI nor a name that cosign knows; ${hint}`);
}

function usage(message: string): GateError {
  return new GateError('USAGE', message, { mend: 'See `syncgate help verify-image`.' });
}
