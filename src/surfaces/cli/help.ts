import { PARAMETERS } from '../../render/parameters.ts';
import { serveFlagHelp } from './serve-arguments.ts';
import { testFlagHelp } from './test-arguments.ts';
import { verifyBundleFlagHelp } from './verify-bundle-arguments.ts';
import { verifyImageFlagHelp } from './verify-image-arguments.ts';

export type CommandName =
  | 'check'
  | 'render'
  | 'generate'
  | 'mirror'
  | 'policies'
  | 'serve'
  | 'test'
  | 'verify-image'
  | 'verify-bundle'
  | 'version'
  | 'help';

interface CommandHelp {
  readonly name: CommandName;
  readonly usage: string;
  readonly does: string;
  readonly example: string;
}

export const COMMANDS: readonly CommandHelp[] = [
  {
    name: 'check',
    usage: 'syncgate check [PATH|-] [flags]',
    does: 'Renders PATH and judges it. Findings go to stderr, or with --output json to stdout; the exit code is the verdict.',
    example: 'syncgate check apps/shop --config gate.yaml --namespace shop',
  },
  {
    name: 'render',
    usage: 'syncgate render [PATH|-] [flags]',
    does: 'Judges PATH, and prints its manifests, every image pinned to the verified digest, only if it is allowed.',
    example: 'helm template shop ./chart | syncgate render - --config gate.yaml | kubectl apply -f -',
  },
  {
    name: 'generate',
    usage: 'syncgate generate [flags]',
    does: 'The same for the plugin protocol of Argo CD: the working folder and the environment say what to render.',
    example: 'syncgate generate --config /etc/syncgate/gate.yaml',
  },
  {
    name: 'verify-image',
    usage: 'syncgate verify-image REF... [flags]',
    does: 'Verifies images by the policies of the Gate, or by a signer that is given: what was found, what verified, by whom and when, what it attests, and why each other thing was refused. Exits with 0 only if every image is verified.',
    example: 'syncgate verify-image ghcr.io/team/shop:v1 --key cosign.pub --explain',
  },
  {
    name: 'verify-bundle',
    usage:
      'syncgate verify-bundle --bundle FILE (--certificate-identity TEXT --certificate-oidc-issuer URL | --key FILE) ARTIFACT',
    does: 'Verifies a Sigstore bundle offline: over a file or sha256:DIGEST, in the log, and by that signer.',
    example: 'syncgate verify-bundle --bundle app.sigstore.json --key cosign.pub app.tar.gz',
  },
  {
    name: 'mirror',
    usage: 'syncgate mirror REF... DIR [flags]',
    does: 'Copies what verifying images needs into DIR/HOST/REPOSITORY, one OCI image layout a repository: manifests, configurations, signatures, attestations and bundles. No layers, so nothing can be run from it; nothing is verified.',
    example: 'syncgate mirror ghcr.io/team/shop:v1 docker.io/library/nginx@sha256:... /media/usb/images',
  },
  {
    name: 'serve',
    usage: 'syncgate serve (--flux | --admission | --flux --admission) [flags]',
    does: 'Runs in a cluster until it is stopped: gates the sources of Flux, answers the API server before anything is applied, or both. A folder of Gates says whose rules hold in which namespace.',
    example: 'syncgate serve --flux --gates /etc/syncgate/gates',
  },
  {
    name: 'test',
    usage: 'syncgate test PATH... [flags]',
    does: 'Runs the tests of policies (kyverno-test.yaml) at or below the paths. A row passes if every resource that it names gives its result; a rule that says nothing fails it. Needs neither a Gate nor a cluster.',
    example: 'syncgate test policies/ --output junit > tests.xml',
  },
  {
    name: 'policies',
    usage: 'syncgate policies [PATH...] [flags]',
    does: 'Loads the policies at or below the paths, or those of the Gate, and lists them: what each rule matches, what it does, and what is not evaluated.',
    example: 'syncgate policies policies/',
  },
  {
    name: 'version',
    usage: 'syncgate version [--output json]',
    does: 'Prints the versions of syncgate, of Node.js and of every engine that it finds.',
    example: 'syncgate version',
  },
  { name: 'help', usage: 'syncgate help [COMMAND]', does: 'Prints this.', example: 'syncgate help check' },
];

/** What --output takes; a command that is not here has only one form. The first is the default. */
const outputFormats: Partial<Record<CommandName, string>> = {
  check: 'text or json',
  render: 'json or yaml',
  mirror: 'text or json',
  policies: 'text or json',
  test: 'text, json or junit',
  version: 'text or json',
  'verify-image': 'text or json',
  'verify-bundle': 'text or json',
};

const judgingFlags: readonly (readonly [string, string])[] = [
  ['-c, --config FILE', 'the Gate; else $SYNCGATE_CONFIG, else /etc/syncgate/gate.yaml'],
  ['    --timeout SECONDS', 'for the whole verdict; else the Gate says (40)'],
  ['-q, --quiet', 'print nothing on stderr when it is allowed'],
  ['    --no-color', 'no colours, even on a terminal'],
];

const mirrorFlags: readonly (readonly [string, string])[] = [
  ['    --source REPOSITORY', 'where signatures lie too, as in source[].oci of a policy (repeat)'],
  ['-c, --config FILE', 'the Gate, for its registries and their credentials; else as for check, if it is there'],
  ['    --timeout SECONDS', 'for all images together; 3600 by itself'],
  ['-q, --quiet', 'no line of progress'],
];

const checkFlags: readonly (readonly [string, string])[] = [
  ['    --policies PATH', 'judge by these policies (repeat) and by no Gate: no image is verified'],
];

const policiesFlags: readonly (readonly [string, string])[] = [
  ['-c, --config FILE', 'the Gate, where no path is given; else as for check'],
  ['    --timeout SECONDS', 'for loading; else the Gate says (40)'],
  ['    --no-color', 'no colours, even on a terminal'],
];

const sourceFlags: readonly (readonly [string, string])[] = [
  ['    --root FOLDER', 'what may be read; else the Git work tree around PATH, else PATH'],
  ['    --app-name NAME', "the application's name, and Helm's release name"],
  ['-n, --namespace NAME', 'the namespace that the destination gives to objects without one'],
  ['    --kube-version X.Y.Z', 'the version of the cluster, for charts that ask'],
  ['    --api-versions LIST', 'the API versions of the cluster (g/v or g/v/Kind), separated by commas'],
];

/** The help text: of everything, or of one command. */
export function helpText(topic: CommandName | undefined): string {
  const command = COMMANDS.find((each) => each.name === topic);
  if (command === undefined || topic === 'help') {
    return [
      'syncgate renders what a GitOps controller is about to apply, proves every image and every policy over',
      'the whole rendered set, and lets the manifests out only if all of it holds.',
      '',
      ...COMMANDS.flatMap((each) => [`  ${each.usage}`, `      ${each.does}`]),
      '',
      'Exit codes: 0 allowed, 1 denied, 2 could not be evaluated, 3 usage or configuration.',
      'Examples:',
      ...COMMANDS.map((each) => `  ${each.example}`),
      '',
    ].join('\n');
  }
  const takesSource = command.name === 'check' || command.name === 'render';
  return [
    command.does,
    '',
    `Usage:   ${command.usage}`,
    `Example: ${command.example}`,
    '',
    'Flags:',
    ...table(commonFlags(command.name)),
    ...(command.name === 'check' ? table(checkFlags) : []),
    ...(takesSource ? table(sourceFlags) : []),
    ...(takesSource ? ['', 'Parameters of the renderers:', ...table(parameterFlags())] : []),
    '',
  ].join('\n');
}

function commonFlags(name: CommandName): (readonly [string, string])[] {
  const formats = outputFormats[name];
  return [
    ...(formats === undefined ? [] : [['-o, --output FORMAT', formats] as const]),
    ...(ownFlags[name] ?? judgingFlags),
  ];
}

/** Flags of commands that do not judge a source. */
const ownFlags: Partial<Record<CommandName, readonly (readonly [string, string])[]>> = {
  mirror: mirrorFlags,
  policies: policiesFlags,
  serve: serveFlagHelp,
  test: testFlagHelp,
  'verify-image': verifyImageFlagHelp,
  'verify-bundle': verifyBundleFlagHelp,
  version: [],
};

function parameterFlags(): (readonly [string, string])[] {
  const forms = { string: 'VALUE', array: 'VALUE (repeat)', map: 'KEY=VALUE (repeat)' };
  return PARAMETERS.map(({ name, type, tooltip }) => [`    --${name} ${forms[type]}`, tooltip] as const);
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
}
