import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CounterName, GaugeName, HistogramName, MetricLabels, Metrics } from '../core/telemetry.ts';
import { COUNTERS, GAUGES, HISTOGRAMS, type Measurement } from './measurements.ts';

export interface OpenedMetrics {
  readonly metrics: Metrics;
  /** All of it, in the format that Prometheus reads. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Series of one measurement. Whoever can make up names of objects must not be able to fill the memory. */
const maxSeries: Readonly<Record<string, number>> = { syncgate_artifact_bytes: 5000 };
const maxSeriesOtherwise = 200;
const maxLabelLength = 253;

/**
 * Measurements in a registry of their own, with those of the process (CPU, memory, event loop, garbage collection). A label
 * that a measurement does not have is left out, and one that is missing is empty. Where all values of its labels are known, a
 * counter begins at 0 with each of them. Beyond the bound of series, what is new
 * is counted under `other`, and a gauge is not kept at all. A gauge that nobody has set is not there.
 */
export function createMetrics(): OpenedMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const settings = (name: string, { help, labels }: Measurement) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  const each = <Name extends string, Made>(
    table: Readonly<Record<Name, Measurement>>,
    make: (name: Name, measurement: Measurement) => Made,
  ) => {
    const names = Object.keys(table) as Name[];
    const entries = names.map((name) => [name, { made: make(name, table[name]), series: seriesOf(name, table[name]) }]);
    return Object.fromEntries(entries) as Record<Name, { readonly made: Made; readonly series: Series }>;
  };
  const counters = each<CounterName, Counter>(
    COUNTERS,
    (name, measurement) => new Counter(settings(name, measurement)),
  );
  for (const name of Object.keys(COUNTERS) as CounterName[]) {
    const { made, series } = counters[name];
    for (const labels of combinationsOf(COUNTERS[name])) made.inc(series.of(labels) ?? series.other(), 0);
  }
  const gauges = each<GaugeName, Gauge>(GAUGES, (name, measurement) => {
    const gauge = new Gauge(settings(name, measurement));
    // It begins at 0, which for most of them is a bad word about something that this process does not do.
    if (measurement.labels.length === 0) gauge.remove({});
    return gauge;
  });
  const histograms = each<HistogramName, Histogram>(
    HISTOGRAMS,
    (name, measurement) => new Histogram({ ...settings(name, measurement), buckets: [...(measurement.buckets ?? [])] }),
  );
  return {
    metrics: {
      count(name, labels, by = 1) {
        const { made, series } = counters[name];
        if (by > 0) made.inc(series.of(labels) ?? series.other(), by);
      },
      set(name, labels, value) {
        const { made, series } = gauges[name];
        const known = series.of(labels);
        if (known !== undefined && Number.isFinite(value)) made.set(known, value);
      },
      observe(name, labels, value) {
        const { made, series } = histograms[name];
        if (Number.isFinite(value)) made.observe(series.of(labels) ?? series.other(), value);
      },
      forget(name, labels) {
        const { made, series } = gauges[name];
        const known = series.forget(labels);
        if (known !== undefined) made.remove(known);
      },
    },
    async expose() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

/** Every series of a measurement whose values are known; none otherwise. */
function combinationsOf({ labels, values }: Measurement): readonly MetricLabels[] {
  if (values === undefined) return [];
  return labels.reduce<readonly MetricLabels[]>(
    (made, label) => made.flatMap((each) => (values[label] ?? []).map((value) => ({ ...each, [label]: value }))),
    [{}],
  );
}

interface Series {
  /** The labels as they are kept; undefined where there are too many series already. */
  of(labels: MetricLabels): Record<string, string> | undefined;
  other(): Record<string, string>;
  forget(labels: MetricLabels): Record<string, string> | undefined;
}

function seriesOf(name: string, { labels: names }: Measurement): Series {
  const most = maxSeries[name] ?? maxSeriesOtherwise;
  const known = new Set<string>();
  const keep = (labels: MetricLabels) =>
    Object.fromEntries(names.map((each) => [each, (labels[each] ?? '').slice(0, maxLabelLength)]));
  return {
    of(labels) {
      const kept = keep(labels);
      const id = JSON.stringify(Object.values(kept));
      if (!known.has(id) && known.size >= most) return undefined;
      known.add(id);
      return kept;
    },
    other: () => Object.fromEntries(names.map((each) => [each, 'other'])),
    forget(labels) {
      const kept = keep(labels);
      return known.delete(JSON.stringify(Object.values(kept))) ? kept : undefined;
    },
  };
}
