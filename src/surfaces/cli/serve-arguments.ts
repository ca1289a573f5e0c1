import { parseGoDuration } from '../../checks/policy/values/go-duration.ts';
import { quote, usage } from './usage.ts';

/** What a long-lived process is told to be. Durations are milliseconds. */
export interface ServeOptions {
  readonly flux: boolean;
  readonly admission: boolean;
  /** The folder whose every file is one Gate. */
  readonly gates: string;
  /** The gate's own namespace, Pod and address, as the downward API gives them. */
  readonly namespace: string;
  readonly podName: string;
  readonly podIp: string;
  readonly storagePath: string;
  readonly storageAddress: string;
  readonly storageAdvertisedHost: string;
  readonly healthAddress: string;
  /** Where events go for notification-controller; empty for nowhere. */
  readonly eventsAddress: string;
  readonly leaderElect: boolean;
  readonly concurrent: number;
  readonly retentionTtlMs: number;
  readonly retentionRecords: number;
  readonly allowCrossNamespaceSources: boolean;
  /** Whether what rules that changed no longer allow is taken back. */
  readonly withdraw: boolean;
  readonly admissionAddress: string;
  /** A folder with tls.crt and tls.key; undefined for certificates of the gate's own making. */
  readonly admissionCertificates: string | undefined;
  readonly admissionClientCa: string | undefined;
  /** The name that a client's certificate must have; undefined where every certificate of the authority will do. */
  readonly admissionClientName: string | undefined;
  /** Whose writes are judged: those of GitOps controllers, or everybody's. */
  readonly admissionMatch: 'flux' | 'all';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** Runs the long-lived surfaces. */
export interface ServeCommand {
  readonly name: 'serve';
  readonly options: ServeOptions;
}

interface ServeFlag {
  readonly name: string;
  readonly value?: string;
  /** What holds where the flag is left out. */
  readonly byDefault?: string;
  readonly help: string;
}

const FLAGS: readonly ServeFlag[] = [
  { name: 'flux', help: 'gate the sources of Flux: GatedSource to ExternalArtifact' },
  { name: 'admission', help: 'answer the API server before anything is applied' },
  { name: 'gates', value: 'DIR', byDefault: '/etc/syncgate/gates', help: 'every YAML file in it is one Gate' },
  { name: 'namespace', value: 'NAME', help: 'the own namespace; else $POD_NAMESPACE, else syncgate-system' },
  { name: 'pod-name', value: 'NAME', help: 'who holds the Lease; else $POD_NAME, else the name of the host' },
  { name: 'pod-ip', value: 'ADDRESS', help: 'where this replica serves artifacts; else $POD_IP' },
  { name: 'storage-path', value: 'DIR', byDefault: '/data', help: 'where accepted artifacts are kept' },
  { name: 'storage-address', value: 'ADDRESS', byDefault: ':9090', help: 'where artifacts are served' },
  {
    name: 'storage-advertised-host',
    value: 'HOST',
    byDefault: 'syncgate-artifacts.syncgate-system.svc.cluster.local.',
    help: 'the host, and port, in the URL of an artifact',
  },
  {
    name: 'health-address',
    value: 'ADDRESS',
    byDefault: ':9440',
    help: 'where /healthz, /readyz and /metrics are served',
  },
  {
    name: 'events-address',
    value: 'URL',
    byDefault: '',
    help: "notification-controller's, for alerts and commit statuses",
  },
  {
    name: 'leader-elect',
    value: 'true|false',
    byDefault: 'true',
    help: 'whether several replicas elect one that writes',
  },
  { name: 'concurrent', value: 'N', byDefault: '4', help: 'how many sources are judged at once' },
  {
    name: 'artifact-retention-ttl',
    value: 'TIME',
    byDefault: '1m',
    help: 'how long artifacts that were replaced stay',
  },
  { name: 'artifact-retention-records', value: 'N', byDefault: '2', help: 'how many artifacts of a source stay' },
  { name: 'allow-cross-namespace-sources', help: 'let a GatedSource name a source of another namespace' },
  {
    name: 'withdraw',
    help: 'take artifacts back that rules that changed no longer allow; else they are only reported',
  },
  { name: 'admission-address', value: 'ADDRESS', byDefault: ':9443', help: 'where the webhook answers' },
  {
    name: 'admission-certificates',
    value: 'DIR',
    help: 'tls.crt and tls.key that others renew; else an own authority in the Secret syncgate-admission-tls',
  },
  { name: 'admission-client-ca', value: 'FILE', help: "answer only to clients with this authority's certificate" },
  {
    name: 'admission-client-name',
    value: 'NAME',
    help: 'and only where the certificate has this common name: that of the API server, not of every node',
  },
  {
    name: 'admission-match',
    value: 'flux|all',
    byDefault: 'flux',
    help: 'whose writes are judged: those of GitOps controllers, or everybody’s',
  },
  { name: 'log-level', value: 'LEVEL', byDefault: 'info', help: 'debug, info, warn or error; lines of JSON' },
];

export const serveFlags = {
  ...Object.fromEntries(
    FLAGS.map(({ name, value }) => [name, { type: value === undefined ? ('boolean' as const) : ('string' as const) }]),
  ),
  help: { type: 'boolean', short: 'h' },
} as const;

export const serveFlagHelp: readonly (readonly [string, string])[] = FLAGS.map(({ name, value, byDefault, help }) => [
  `    --${name}${value === undefined ? '' : ` ${value}`}`,
  byDefault === undefined || byDefault === '' ? help : `${help}; ${byDefault} by itself`,
]);

/** Throws USAGE. `env` is asked for what Kubernetes' downward API gives. */
export function readServe(
  values: Readonly<Record<string, unknown>>,
  positionals: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ServeCommand {
  if (positionals.length > 0) throw usage(`syncgate serve takes no argument, and was given ${quote(positionals[0])}`);
  const flag = (name: string) => values[name] === true;
  const text = (name: string) =>
    (values[name] as string | undefined) ?? FLAGS.find((each) => each.name === name)?.byDefault;
  const given = (name: string) => text(name) ?? '';
  const count = (name: string, most: number) => {
    const value = given(name);
    if (!/^[1-9]\d{0,4}$/.test(value) || Number(value) > most)
      throw usage(`--${name} takes a number from 1 to ${most}, not ${quote(value)}`);
    return Number(value);
  };
  const one = <Value extends string>(name: string, ...known: readonly Value[]): Value => {
    const value = known.find((each) => each === given(name));
    if (value === undefined) throw usage(`--${name} takes ${known.join(' or ')}, not ${quote(given(name))}`);
    return value;
  };
  const [flux, admission] = [flag('flux'), flag('admission')];
  if (!flux && !admission) throw usage('syncgate serve takes --flux, --admission, or both');
  const namespace = text('namespace') ?? env['POD_NAMESPACE'] ?? 'syncgate-system';
  if (!/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw usage(`--namespace takes a name of lower-case letters, digits and hyphens, not ${quote(namespace)}`);
  }
  return {
    name: 'serve',
    options: {
      flux,
      admission,
      gates: given('gates'),
      namespace,
      podName: text('pod-name') ?? env['POD_NAME'] ?? env['HOSTNAME'] ?? 'syncgate',
      podIp: text('pod-ip') ?? env['POD_IP'] ?? '',
      storagePath: given('storage-path'),
      storageAddress: address('storage-address', given('storage-address')),
      storageAdvertisedHost: host(given('storage-advertised-host')),
      healthAddress: address('health-address', given('health-address')),
      eventsAddress: eventsUrl(given('events-address')),
      leaderElect: one('leader-elect', 'true', 'false') === 'true',
      concurrent: count('concurrent', 64),
      retentionTtlMs: duration('artifact-retention-ttl', given('artifact-retention-ttl')),
      retentionRecords: count('artifact-retention-records', 100),
      allowCrossNamespaceSources: flag('allow-cross-namespace-sources'),
      withdraw: flag('withdraw'),
      admissionAddress: address('admission-address', given('admission-address')),
      admissionCertificates: text('admission-certificates'),
      admissionClientCa: text('admission-client-ca'),
      admissionClientName: clientName(text('admission-client-name'), text('admission-client-ca')),
      admissionMatch: one('admission-match', 'flux', 'all'),
      logLevel: one('log-level', 'debug', 'info', 'warn', 'error'),
    },
  };
}

/** A name without an authority that vouches for it would be anybody's word. */
function clientName(name: string | undefined, authority: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (name === '') throw usage('--admission-client-name takes a name, and was given none');
  if (authority === undefined) throw usage('--admission-client-name goes with --admission-client-ca');
  return name;
}

/** As Go's servers take them: `:9090`, `127.0.0.1:9090`, `[::1]:9090`. */
function address(name: string, text: string): string {
  const [, port] = /^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]*):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65535) throw usage(`--${name} takes HOST:PORT or :PORT, not ${quote(text)}`);
  return text;
}

/** It becomes the host of a URL, and nothing else of it. */
function host(text: string): string {
  if (/^[A-Za-z0-9._-]+(?::\d{1,5})?$|^\[[0-9a-fA-F:]+\](?::\d{1,5})?$/.test(text)) return text;
  throw usage(`--storage-advertised-host takes a host, with a port where it is not 80, not ${quote(text)}`);
}

function eventsUrl(text: string): string {
  if (text === '') return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw usage(`--events-address takes a URL of http or https, not ${quote(text)}`);
}

/** Milliseconds. */
function duration(name: string, text: string): number {
  const nanoseconds = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text) ? parseGoDuration(text) : undefined;
  if (nanoseconds === undefined) throw usage(`--${name} takes a time such as 90s or 1h30m, not ${quote(text)}`);
  return Number(nanoseconds) / 1e6;
}
