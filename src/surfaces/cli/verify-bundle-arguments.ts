import { quote, usage } from './usage.ts';

/** `syncgate verify-bundle`, before anything has been looked at in the world. */
export interface VerifyBundleCommand {
  readonly name: 'verify-bundle';
  readonly bundle: string;
  /** A path, or `sha256:` and 64 hex digits. */
  readonly artifact: string;
  readonly signer: { readonly key: string } | { readonly identity: string; readonly issuer: string };
  /** Undefined: the root of the public-good instance that this version ships. */
  readonly trustedRoot: string | undefined;
  readonly output: 'text' | 'json';
}

/** Named as the client protocol of sigstore-conformance names them. */
export const verifyBundleFlags = {
  bundle: { type: 'string' },
  'certificate-identity': { type: 'string' },
  'certificate-oidc-issuer': { type: 'string' },
  key: { type: 'string' },
  'trusted-root': { type: 'string' },
  staging: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The same for people. */
export const verifyBundleFlagHelp: readonly (readonly [string, string])[] = [
  ['    --bundle FILE', 'the Sigstore bundle'],
  ['    --certificate-identity TEXT', 'who must have signed: the whole subject alternative name'],
  ['    --certificate-oidc-issuer URL', 'who must have vouched for that identity'],
  ['    --key FILE', 'instead of both: the public key that must have signed'],
  ['    --trusted-root FILE', "a trusted_root.json; else the public-good instance's, as this version ships it"],
  ['    --staging', 'the staging instance, whose root must be given as --trusted-root: none is shipped'],
];

/** Throws USAGE unless the flags say what is verified, and by whom it must be signed. */
export function readVerifyBundle(
  values: Readonly<Record<string, unknown>>,
  positionals: readonly string[],
): VerifyBundleCommand {
  const text = (flag: string) => values[flag] as string | undefined;
  const [artifact, extra] = positionals;
  if (artifact === undefined) throw usage('syncgate verify-bundle takes the artifact: a file, or sha256:DIGEST');
  if (extra !== undefined) throw usage(`syncgate verify-bundle takes one artifact, and was given ${quote(extra)} too`);
  const bundle = text('bundle');
  if (bundle === undefined) throw usage('syncgate verify-bundle needs --bundle');
  const [identity, issuer, key] = [text('certificate-identity'), text('certificate-oidc-issuer'), text('key')];
  // A bundle without a demand on its signer proves nothing: anybody can sign.
  if (key === undefined && (identity === undefined || issuer === undefined))
    throw usage('syncgate verify-bundle needs --certificate-identity and --certificate-oidc-issuer, or --key');
  if (key !== undefined && (identity !== undefined || issuer !== undefined))
    throw usage('syncgate verify-bundle takes --key or an identity, not both');
  if (identity === '' || issuer === '')
    throw usage(`--certificate-${identity === '' ? 'identity' : 'oidc-issuer'} is empty`);
  const trustedRoot = text('trusted-root');
  if (values['staging'] === true && trustedRoot === undefined)
    throw usage('--staging needs --trusted-root: the root of the staging instance is not shipped');
  const output = text('output') ?? 'text';
  if (output !== 'text' && output !== 'json')
    throw usage(`syncgate verify-bundle --output takes text or json, not ${quote(output)}`);
  const signer = key === undefined ? { identity: identity ?? '', issuer: issuer ?? '' } : { key };
  return { name: 'verify-bundle', bundle, artifact, signer, trustedRoot, output };
}
