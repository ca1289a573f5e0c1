import type { ToolName } from '../../test/support/tools/catalog.ts';

/** What one run of syncgate printed, and how it ended. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command of the demo, and what must come of it. */
export interface Act {
  readonly title: string;
  readonly tells: string;
  /** What is done before, as the user would type it. */
  readonly before?: string;
  /** The arguments of syncgate. */
  readonly args: readonly string[];
  /** Programs that the act needs besides Node. */
  readonly needs: readonly ToolName[];
  /** Shown instead of the whole of stdout, where that is long. */
  readonly shows?: RegExp;
  readonly look: string;
  /** What is not as told; empty if all of it is. */
  readonly wrong: (ran: Ran) => readonly (string | false)[];
}

const digestPinned = /^registry\.example\/shop\/[a-z]+:[0-9.]+@sha256:[0-9a-f]{64}$/;

/** The image of every `image` field in YAML that syncgate printed. */
export function imagesIn(yaml: string): string[] {
  return [...yaml.matchAll(/\bimage: ?"?([^"\s]+)"?$/gm)].map(([, image = '']) => image);
}

function allowedWith(images: number) {
  return ({ exitCode, stdout }: Ran) => [
    exitCode !== 0 && `it should be allowed with exit code 0, and ended with ${exitCode}`,
    imagesIn(stdout).length !== images && `it should print ${images} images, and printed ${imagesIn(stdout).length}`,
    !imagesIn(stdout).every((image) => digestPinned.test(image)) && 'an image is not pinned to a digest',
  ];
}

function refusedFor(...words: readonly string[]) {
  return ({ exitCode, stdout, stderr }: Ran) => [
    exitCode !== 1 && `it should be refused with exit code 1, and ended with ${exitCode}`,
    stdout !== '' && 'a refusal must leave stdout empty',
    ...words.map((word) => !stderr.includes(word) && `the reason should say ${word}`),
  ];
}

const gate = ['--config', 'examples/demo/gate.yaml'];
const policyGate = ['--config', 'examples/demo/gate-policy.yaml'];

export const acts: readonly Act[] = [
  {
    title: 'A signed application is allowed',
    tells: 'Plain YAML with four images. Each one is signed by the key in examples/demo/trust/.',
    args: ['render', 'examples/demo/allowed', ...gate, '--output', 'yaml'],
    needs: [],
    shows: /\bimage:/,
    look: 'every image was name:tag in examples/demo/allowed/, and is now pinned to the digest whose signature was verified.',
    wrong: allowedWith(4),
  },
  {
    title: 'The same application with one unsigned image is refused',
    tells: 'In examples/demo/refused/ the api is 2.8.0, which nobody signed. Nothing else differs.',
    args: ['render', 'examples/demo/refused', ...gate, '--output', 'yaml'],
    needs: [],
    look: 'standard output is empty: the six objects that are in order stay withheld too. The line names the object, the file and line, and the mend.',
    wrong: refusedFor('IMAGE_UNSIGNED', 'registry.example/shop/api:2.8.0', 'api.yaml:'),
  },
  {
    title: 'A tampered signature is refused',
    tells:
      'The application of act 1, but in its registry somebody let the tag shop/api:2.7.0 lead to the unsigned image, and wrote its digest into the old signature.',
    before: 'npm exec -- node examples/demo/tamper.ts',
    args: ['render', 'examples/demo/tampered/app', '--config', 'examples/demo/tampered/gate.yaml', '--output', 'yaml'],
    needs: [],
    look: 'a signature that names this very digest is there, and names the right key; but that key did not sign these words.',
    wrong: refusedFor('IMAGE_SIGNATURE_INVALID', 'registry.example/shop/api:2.7.0'),
  },
  {
    title: 'A Kustomize overlay that passes the Rego rules is allowed',
    tells:
      'The overlay is built by the real kustomize, and every object is judged by the real opa after its images are pinned.',
    args: ['render', 'examples/demo/overlays/production', ...policyGate, '--output', 'yaml'],
    needs: ['kustomize', 'opa'],
    shows: /\b(?:image|replicas|namespace):/,
    look: 'the namespace and the replicas come from the overlay, the digests from the gate.',
    wrong: allowedWith(2),
  },
  {
    title: 'An overlay that a Rego rule forbids is refused',
    tells: 'examples/demo/overlays/debug/ makes a container privileged. Its images are signed.',
    args: ['check', 'examples/demo/overlays/debug', ...policyGate],
    needs: ['kustomize', 'opa'],
    look: 'the line names the rule, the object, and the file that the object comes from.',
    wrong: refusedFor('main.deny', 'container api is privileged', 'base/api.yaml'),
  },
  {
    title: 'A Helm chart is rendered and judged the same way',
    tells: 'Parameters are the fields of an Argo CD Application, as flags.',
    args: [
      'render',
      'examples/demo/chart',
      ...policyGate,
      '--app-name',
      'shop',
      '--namespace',
      'shop',
      '--helm-parameters',
      'replicas=3',
      '--output',
      'yaml',
    ],
    needs: ['helm', 'opa'],
    shows: /\b(?:image|replicas|namespace):/,
    look: 'the chart got its release name and namespace from the flags, and its image a digest.',
    wrong: allowedWith(1),
  },
];
