import { COUNTERS, GAUGES, HISTOGRAMS, type Measurement } from '../src/adapters/measurements.ts';

/** docs/metrics.md. */
export function metricsPage(): string {
  const table = (measurements: Readonly<Record<string, Measurement>>) =>
    Object.entries(measurements)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, { help, labels, values }]) =>
          `| \`${name}\` | ${labels.map((label) => labelled(label, values?.[label])).join('; ')} | ${help} |`,
      )
      .join('\n');
  const labelled = (label: string, values: readonly string[] | undefined) =>
    values === undefined ? `\`${label}\`` : `\`${label}\`: ${values.join(', ')}`;
  const head = '| Name | Labels | Meaning |\n| --- | --- | --- |';
  return `# Metrics

\`syncgate serve\` tells Prometheus at \`/metrics\` of its health address (\`--health-address\`, port 9440) what follows, and what
is known of every Node.js process (\`process_*\`, \`nodejs_*\`). Durations are seconds, sizes bytes. Every series of a counter is
there from the start, at 0, so that \`increase\` sees the first event; those of what a process does not do stay there. A gauge of what
a process does not do is absent, and not 0. Of gauges by Gate at most 200 are kept, and 5000 by artifact.
This page is made from \`src/adapters/measurements.ts\` by \`npm run docs\`.

## Counters

${head}
${table(COUNTERS)}

## Gauges

${head}
${table(GAUGES)}

## Histograms

${head}
${table(HISTOGRAMS)}

## Scraping

Only Pods of a namespace with a label reach the port. For a Prometheus in \`monitoring\`:

\`\`\`sh
kubectl label namespace monitoring syncgate.dev/metrics=true
\`\`\`

Scrape the Pods of \`syncgate-system\`, each for itself, at their port \`http-metrics\`: the webhook's Service has no port of metrics. With
the operator of Prometheus that is

\`\`\`yaml
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: { name: syncgate, namespace: monitoring }
spec:
  namespaceSelector: { matchNames: [syncgate-system] }
  selector: { matchLabels: { app.kubernetes.io/part-of: syncgate } }
  podMetricsEndpoints: [{ port: http-metrics }]
\`\`\`

## What to watch

- \`sum(syncgate_leader) != 1 or absent(syncgate_leader)\` for more than a minute: nobody writes, or a replica cannot be reached. Without
  the last part, nothing is said where no replica is left.
- \`increase(syncgate_decisions_total{verdict="errored"}[15m])\` above 0: something could not be evaluated, and was withheld.
- \`syncgate_gates_failed\` above 0: a Gate, or a file that should be one, cannot be loaded, and what it governs is
  refused. The log says which and why, and so does the status of every GatedSource that waits for it.
- \`syncgate_rules_loaded_timestamp_seconds\` older than the last change of the rules: they have not been mounted yet, or
  cannot be loaded.
- \`syncgate_admission_certificate_expiry_timestamp_seconds - time()\` below a day: the certificate is not rotated.
- \`syncgate_admission_configured\` at 0 for minutes: the webhook configuration is gone, and nothing is judged on its way
  into the cluster, or it does not trust the webhook, and writes fail. With certificates of your own there is none.
- \`syncgate_admission_certificate_misnamed\` above 0: the API server refuses the certificate that is mounted.
- \`syncgate_gate_warnings{code="IMAGE_TRUST_ROOT_AGED"}\` above 0: a root of trust is older than
  \`trustRoots.ageWarningDays\`, or its TUF repository expires within days; then signatures no longer verify. It is looked
  at again at least once a day.
- \`syncgate_gate_warnings{code="IMAGE_TRUST_ROOT_REMOTE"}\` above 0 for an hour: a root cannot be fetched anew. What was fetched
  before holds until \`syncgate_trust_roots_expiry_timestamp_seconds\`; then the Gate refuses, and shows in
  \`syncgate_gates_failed\`.
- \`time() - syncgate_trust_roots_timestamp_seconds\` above 8 hours where \`trustRoots.refresh\` is set: roots have not been
  fetched, which happens every 6 hours.
- \`increase(syncgate_registry_requests_total{result=~"unauthorized|limited|failed|unreachable",registry="listed"}[15m])\` that grows:
  a registry of the platform does not answer, or not everybody. Every registry says \`unauthorized\` once before it gives a token.
- \`increase(syncgate_events_dropped_total[15m])\` above 0: alerts and commit statuses are incomplete. Nothing else is.
`;
}
