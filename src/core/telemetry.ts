/** What a long-lived process tells about itself. Adapters implement these; nothing is written by import. */

/** Fields of one line: no secret, no machine path, nothing that an application could use to forge a line. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined | readonly string[]>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields that stand in every line. */
  with(fields: LogFields): Log;
}

/** Labels of one measurement, a closed set of names and a bounded set of values. */
export type MetricLabels = Readonly<Record<string, string>>;

/** The measurements, by the names that docs/metrics.md lists. Durations are seconds, sizes bytes (Prometheus' conventions). */
export interface Metrics {
  count<Name extends CounterName>(name: Name, labels: CounterLabels<Name>, by?: number): void;
  set(name: GaugeName, labels: MetricLabels, value: number): void;
  observe(name: HistogramName, labels: MetricLabels, value: number): void;
  /** Forgets a measurement of something that is gone. */
  forget(name: GaugeName, labels: MetricLabels): void;
}

/**
 * The counters, and every value of their labels. Prometheus takes a series that appears with its first event for one that
 * has not grown, and no alert sees that event: so all of them are there from the beginning, at 0.
 */
export const COUNTER_VALUES = {
  syncgate_decisions_total: {
    surface: ['flux', 'rejudge', 'admission'],
    verdict: ['allowed', 'denied', 'errored'],
  },
  syncgate_reconcile_total: {
    result: ['allowed', 'denied', 'unevaluated', 'unchanged', 'suspended', 'deleted', 'waiting', 'failed'],
  },
  syncgate_admission_requests_total: { result: ['allowed', 'denied', 'unevaluated'] },
  syncgate_cache_total: { cache: ['admission'], result: ['hit', 'miss'] },
  syncgate_registry_requests_total: {
    // By its name a host would make a series for whatever an application thinks of.
    registry: ['listed', 'other'],
    result: ['answered', 'missing', 'unauthorized', 'limited', 'failed', 'unreachable'],
  },
  syncgate_rejudged_total: { verdict: ['allowed', 'denied', 'unevaluated'] },
  syncgate_events_dropped_total: { reason: ['full', 'failed', 'refused', 'closed'] },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export type CounterName = keyof typeof COUNTER_VALUES;

type ValuesOf<Name extends CounterName> = (typeof COUNTER_VALUES)[Name];

/** All labels of a counter, each with one of its values. */
type CounterLabels<Name extends CounterName> = MetricLabels & {
  readonly [Label in keyof ValuesOf<Name>]: ValuesOf<Name>[Label] extends readonly (infer Value)[] ? Value : never;
};

export type GaugeName =
  | 'syncgate_artifact_bytes' // namespace, name
  | 'syncgate_queue_length' // none
  | 'syncgate_leader' // none: 1 or 0
  | 'syncgate_gates_loaded' // none
  | 'syncgate_gates_failed' // none
  | 'syncgate_rules_loaded_timestamp_seconds' // none
  | 'syncgate_gate_loaded_timestamp_seconds' // gate
  | 'syncgate_gate_warnings' // gate, code
  | 'syncgate_trust_roots_timestamp_seconds' // gate
  | 'syncgate_trust_roots_expiry_timestamp_seconds' // gate
  | 'syncgate_admission_configured' // none: 1 or 0
  | 'syncgate_admission_certificate_misnamed' // none: 1 or 0
  | 'syncgate_admission_certificate_expiry_timestamp_seconds'; // none

export type HistogramName =
  | 'syncgate_reconcile_duration_seconds' // result
  | 'syncgate_admission_duration_seconds'; // result

/** For whoever wants neither. */
export const SILENT_LOG: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT_LOG };
export const NO_METRICS: Metrics = { count() {}, set() {}, observe() {}, forget() {} };
