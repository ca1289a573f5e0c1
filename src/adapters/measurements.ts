import { COUNTER_VALUES, type CounterName, type GaugeName, type HistogramName } from '../core/telemetry.ts';

/** What is measured, for Prometheus and for docs/metrics.md. */
export interface Measurement {
  readonly help: string;
  readonly labels: readonly string[];
  /** All values of each label, where they are known: then every series is there from the beginning. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds, of a histogram. */
  readonly buckets?: readonly number[];
}

const COUNTER_HELP: Readonly<Record<CounterName, string>> = {
  syncgate_decisions_total:
    'Decisions, by the surface that asked and the verdict; errored is what could not be judged, and was withheld.',
  syncgate_reconcile_total: 'Reconciliations of gated sources that have ended, by result.',
  syncgate_admission_requests_total:
    'Requests of the API server that were answered; unevaluated is what was denied because it could not be judged.',
  syncgate_cache_total: 'Look-ups in a cache: hit or miss.',
  syncgate_registry_requests_total:
    'Requests to registries, by whether the Gate lists the host, and by what came of them: missing is 404, unauthorized 401 and 403, limited 429, failed every other answer, unreachable none.',
  syncgate_rejudged_total: 'Accepted revisions that were judged again after rules changed, by verdict.',
  syncgate_events_dropped_total:
    'Events that were told to nobody: the queue was full, the receiver failed or refused, or the API server did, or the process ended.',
};

export const COUNTERS = Object.fromEntries(
  (Object.keys(COUNTER_HELP) as CounterName[]).map((name): [CounterName, Measurement] => {
    const values = COUNTER_VALUES[name];
    return [name, { help: COUNTER_HELP[name], labels: Object.keys(values), values }];
  }),
) as Readonly<Record<CounterName, Measurement>>;

export const GAUGES: Readonly<Record<GaugeName, Measurement>> = {
  syncgate_artifact_bytes: {
    help: 'Bytes of the artifact that a gated source offers now.',
    labels: ['namespace', 'name'],
  },
  syncgate_queue_length: { help: 'Gated sources that wait to be reconciled.', labels: [] },
  syncgate_leader: { help: '1 where this replica leads and writes, else 0.', labels: [] },
  syncgate_gates_loaded: { help: 'Gates whose rules are loaded and judge.', labels: [] },
  syncgate_gates_failed: {
    help: 'Gates, and files of Gates, that cannot be loaded. What they would govern is refused; where a file says no Gate, everything is.',
    labels: [],
  },
  syncgate_rules_loaded_timestamp_seconds: {
    help: 'When the rules of all Gates were last loaded whole, in seconds since the epoch; absent where they never were.',
    labels: [],
  },
  syncgate_gate_loaded_timestamp_seconds: {
    help: 'When a Gate that judges was loaded, with its policies, trust and roots, in seconds since the epoch: where roots are fetched (trustRoots.refresh), when they were last asked for.',
    labels: ['gate'],
  },
  syncgate_gate_warnings: {
    help: 'Warnings of the policies, trust and roots of a Gate, by code of docs/errors.md. IMAGE_TRUST_ROOT_AGED: a root has grown old, or its TUF repository is about to expire.',
    labels: ['gate', 'code'],
  },
  syncgate_trust_roots_timestamp_seconds: {
    help: 'When the oldest root of trust of a Gate was fetched or, of the one that syncgate ships, from when it is, in seconds since the epoch; of roots in files nobody knows.',
    labels: ['gate'],
  },
  syncgate_trust_roots_expiry_timestamp_seconds: {
    help: 'When the first root of trust of a Gate expires, in seconds since the epoch; from then on the Gate refuses. Only of TUF repositories.',
    labels: ['gate'],
  },
  syncgate_admission_configured: {
    help: '1 where the webhook configuration is there and trusts the authority of the webhook, else 0: then nobody asks the webhook, or nobody reaches it. Only with an authority of its own.',
    labels: [],
  },
  syncgate_admission_certificate_misnamed: {
    help: '1 where the mounted certificate does not hold the name of the Service, so that no API server accepts it, else 0.',
    labels: [],
  },
  syncgate_admission_certificate_expiry_timestamp_seconds: {
    help: 'When the certificate that the webhook serves ends, in seconds since the epoch.',
    labels: [],
  },
};

export const HISTOGRAMS: Readonly<Record<HistogramName, Measurement>> = {
  syncgate_reconcile_duration_seconds: {
    help: 'Seconds that a reconciliation took, by result.',
    labels: ['result'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
  },
  syncgate_admission_duration_seconds: {
    help: 'Seconds between a request of the API server and its answer, by result.',
    labels: ['result'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
};
