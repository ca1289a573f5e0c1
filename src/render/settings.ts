import * as z from 'zod/mini';

const text = (description: string) => z.string().check(z.minLength(1), z.describe(description));
const flag = (byDefault: boolean, description: string) =>
  z._default(z.boolean(), byDefault).check(z.describe(description));
const count = (byDefault: number, most: number, description: string) =>
  z._default(z.number().check(z.int(), z.minimum(1), z.maximum(most)), byDefault).check(z.describe(description));
const places = (description: string) =>
  z._default(z.array(z.string().check(z.minLength(1))), () => []).check(z.describe(description));

const PLACE_FORMS =
  'Each entry is a host (`github.com`, `charts.example.com:8443`), which stands for https, ssh and oci there, or a URL ' +
  'with a scheme, which stands for that scheme and everything below its path (`https://charts.example.com/stable`, `oci://ghcr.io/team`). ' +
  'Plain http must be spelled out (`http://127.0.0.1:8080`).';

const KustomizeSettings = z.strictObject({
  path: z.optional(
    text('The kustomize program: a name that is looked up on PATH, or an absolute path. Default: `kustomize`.'),
  ),
  remoteBases: places(`Where bases, components and resources may be fetched from. Default: nowhere. ${PLACE_FORMS}`),
  helm: flag(
    false,
    'Whether a kustomization may inflate charts (`helmCharts`), which runs helm. Charts from a repository also need `spec.render.helm.repositories`.',
  ),
});

const HelmSettings = z.strictObject({
  path: z.optional(
    text('The helm program (3 or 4): a name that is looked up on PATH, or an absolute path. Default: `helm`.'),
  ),
  repositories: places(`Where chart dependencies may be fetched from. Default: nowhere. ${PLACE_FORMS}`),
});

const RenderLimits = z.strictObject({
  timeoutSeconds: count(30, 3600, 'How long rendering may take in all, fetching included.'),
  memoryMiB: count(
    2048,
    1_048_576,
    'Address space of each renderer process. Go programs reserve about 1 GiB of it at once, so less than that stops them all.',
  ),
  outputMiB: count(64, 1024, 'How much a renderer may print.'),
  sourceMiB: count(256, 65_536, 'How much of the source may be read, in all.'),
  sourceFiles: count(20_000, 1_000_000, 'How many files of the source may be read.'),
  fileMiB: count(32, 4096, 'How large one file of the source may be.'),
});

const ProxySettings = z.strictObject({
  https: z.optional(text('Proxy for https, as `HTTPS_PROXY`. Default: the variable.')),
  http: z.optional(text('Proxy for http, as `HTTP_PROXY`. Default: the variable.')),
  none: z.optional(text('Hosts that are reached without it, as `NO_PROXY`. Default: the variable.')),
});

/** How the platform lets sources be rendered: `spec.render` of a Gate. */
export const RenderSettings = z.strictObject({
  kustomize: z._default(KustomizeSettings, () => KustomizeSettings.parse({})).check(z.describe('Kustomize.')),
  helm: z._default(HelmSettings, () => HelmSettings.parse({})).check(z.describe('Helm.')),
  credentials: z.optional(
    text(
      'A file, or a folder of files, with the credentials of private chart repositories, registries and Git servers. Relative to this file.',
    ),
  ),
  proxy: z._default(ProxySettings, () => ({})).check(z.describe('Proxies for what rendering fetches.')),
  limits: z._default(RenderLimits, () => RenderLimits.parse({})).check(z.describe('Bounds of one rendering.')),
  allowEmpty: flag(false, 'Whether rendering may give no object at all. Argo CD would then prune everything.'),
});
export type RenderSettings = z.infer<typeof RenderSettings>;
export type RenderLimits = z.infer<typeof RenderLimits>;
