import { isImageReference } from '../../../core/image.ts';

/**
 * Guesses whether a string names an image. It cannot be exact: `example.com/team/app:v1` may be anything. The guess is
 * made to miss little and to leave alone what Kubernetes objects are full of: label keys, API groups, URLs, host:port.
 */

/** Registries whose host alone makes a name without tag an image. */
const knownRegistries = [
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'ghcr.io',
  'quay.io',
  'gcr.io',
  'registry.k8s.io',
  'k8s.gcr.io',
  'public.ecr.aws',
  'mcr.microsoft.com',
  'registry.gitlab.com',
  'nvcr.io',
  'cgr.dev',
  'docker.elastic.co',
  'xpkg.upbound.io',
  'xpkg.crossplane.io',
  'registry.access.redhat.com',
  'registry.redhat.io',
  'container-registry.oracle.com',
  'icr.io',
  'lscr.io',
  'registry.suse.com',
  'reg.kyverno.io',
  'oci.external-secrets.io',
];
const knownRegistryEndings = ['.gcr.io', '.pkg.dev', '.azurecr.io', '.ocir.io', '.icr.io', '.jfrog.io'];
const elasticRegistry = /\.dkr\.ecr\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?$/;

/** Hosts of names that look alike and are not images: code, and the API groups of Kubernetes itself. */
const otherHosts = ['github.com', 'gitlab.com', 'bitbucket.org', 'golang.org', 'k8s.io', 'sigs.k8s.io'];

const maxWordLength = 1024;
/** To read one takes microseconds, and a text of three megabytes holds a million of them. */
const maxWords = 1000;

/** Words that fields named after images hold, and that would be images of Docker Hub by grammar alone. */
const plainWords = new Set([
  '',
  'true',
  'false',
  'yes',
  'no',
  'on',
  'off',
  'null',
  'none',
  'auto',
  'always',
  'never',
  'default',
  'latest',
  'enabled',
  'disabled',
]);

/**
 * The image references in a string, judged by their looks alone: those with a digest, a host and tag, or a known registry.
 * Where more words look so than are read, the string itself is the suspicion.
 */
export function suspectsIn(value: string): string[] {
  // Shell lines, lists and flags hold several words; none of these characters can be part of a reference.
  const words = new Set<string>();
  for (const word of value.split(/[\s,;"'`=|&()<>{}[\]\\!?#%^~+]+/)) {
    const text = withoutScheme(word);
    if (text !== undefined && looksLikeImage(text)) words.add(text);
    if (words.size > maxWords) return [value];
  }
  return [...words].filter(isImageReference);
}

/** The references in a string that goes by a name which promises an image: there, `nginx` alone is one. */
export function suspectsUnderHint(name: string, value: string): string[] {
  // `--sidecar-image=nginx` carries its name with it.
  const flag = /^-{0,2}([A-Za-z0-9_.-]+)=(.*)$/s.exec(value);
  const [hint, text] = flag === null ? [name, value] : [flag[1] ?? '', flag[2] ?? ''];
  if (!promisesImage(hint)) return [];
  // The variable that `$(NAME)` alone stands for is looked at under its own name; anything more is built at run time.
  if (/\$\(|\$\{|\{\{/.test(text)) return /^\$\([A-Za-z0-9_.-]+\)$/.test(text) ? [] : [text];
  const words = new Set(text.split(/[\s,;]+/));
  if (words.size > maxWords) return [text];
  return [...words].flatMap((word) => {
    const reference = withoutScheme(word);
    return reference !== undefined && !plainWords.has(reference.toLowerCase()) && isImageReference(reference)
      ? [reference]
      : [];
  });
}

/** Whether a field, flag or variable of this name holds an image: `image`, `baseImage`, `--proxy-image`, `RELATED_IMAGE_X`. */
export function promisesImage(name: string): boolean {
  const word = name
    .replace(/^-+/, '')
    .replaceAll(/[-_. ]/g, '')
    .toLowerCase();
  return /images?(?:name|ref|reference|uri|url)?$/.test(word) || /^relatedimage(?!pull|registry|tag)/.test(word);
}

/** `image: { ref: … }`: names that say nothing by themselves, and with the name above them that this is an image. */
const emptyNames = /^(?:name|ref|reference|uri|url|value|pullspec|fullname)$/i;

/** The name that a string goes by: the last one of its path, and the one above where that says nothing. */
export function hintOf(path: readonly (string | number)[]): string {
  const names = path.filter((step) => typeof step === 'string');
  const [above = '', last = ''] = names.slice(-2);
  if (names.length < 2) return names[0] ?? '';
  return emptyNames.test(last) && promisesImage(above) ? above : last;
}

const podSpecText = /(?:containers|template|steps)["']?\s{0,20}:/i;
const imageInText = /(?:^|[\s,{"'[])["']?[a-z_-]{0,40}image["']?[ \t]{0,20}:\s{0,200}["']?([^\s"',]{1,1024})/gi;

/** The images of a manifest that is kept as text, as templates of operators and patches of pods are. */
export function suspectsInManifestText(value: string): string[] {
  if (!podSpecText.test(value)) return [];
  const found = new Set<string>();
  for (const [, image = ''] of value.matchAll(imageInText)) found.add(image);
  if (found.size > maxWords) return [value];
  return [...found].flatMap((image) => {
    return suspectsUnderHint(
      'image',
      image.replace(/[}\]]+$/, (tail) => (tail.includes('}}') ? tail : '')),
    );
  });
}

function withoutScheme(word: string): string | undefined {
  // No reference is this long; the loops below run over what an author wrote.
  if (word.length > maxWordLength) return undefined;
  let from = 0;
  let to = word.length;
  while (from < to && ':@/.-'.includes(word[from] as string)) from += 1;
  while (to > from && ':.'.includes(word[to - 1] as string)) to -= 1;
  const trimmed = word.slice(from, to);
  const scheme = /^([a-z][a-z0-9+-]*):\/\//i.exec(trimmed);
  if (scheme === null) return trimmed;
  return /^(?:docker|oci|containerd|podman)$/i.test(scheme[1] ?? '') ? trimmed.slice(scheme[0].length) : undefined;
}

/** Cheap questions alone: most words have none of the marks, and a set may hold millions. */
function looksLikeImage(text: string): boolean {
  if (/@sha256:[0-9a-f]{64}$/.test(text)) return true;
  const slash = text.indexOf('/');
  if (slash < 0) return false;
  const host = text
    .slice(0, slash)
    .toLowerCase()
    .replace(/\.(?=:|$)/, '');
  const hasHost = host === 'localhost' || /[.:]/.test(host);
  if (!hasHost || otherHosts.includes(host)) return false;
  const known =
    knownRegistries.includes(host) ||
    knownRegistryEndings.some((ending) => host.endsWith(ending)) ||
    elasticRegistry.test(host);
  return known || /:[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text.slice(slash));
}
