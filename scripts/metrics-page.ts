import { COUNTERS, GAUGES, HISTOGRAMS, type Measurement } from '../src/adapters/measurements.ts';

/** docs/metrics.md. */
export function metricsPage(): string {
  const table = (measurements: Readonly<Record<string, Measurement>>) =>
    Object.entries(measurements)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, { help, labels }]) => `| \`${name}\` | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
      )
      .join('\n');
  const head = '| Name | Labels | Meaning |\n| --- | --- | --- |';
  return `# Metrics

\`syncgate serve\` tells Prometheus at \`/metrics\` of its health address (\`--health-address\`, port 9440) what follows, and what
is known of every Node.js process (\`process_*\`, \`nodejs_*\`). Durations are seconds, sizes bytes. A label that may hold many
values holds at most 200 of them (5000 artifacts); what is beyond counts as \`other\`. A gauge of what a process does not do is
absent, and not 0.
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

## What to watch

- \`syncgate_leader\` summed over the replicas is 1; anything else for more than a minute means that nobody writes, or that
  a replica cannot be reached.
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
- \`time() - syncgate_gate_loaded_timestamp_seconds\` above 8 hours where \`trustRoots.refresh\` is set: roots have not been
  fetched, which happens every 6 hours. One that cannot be fetched shows in \`syncgate_gates_failed\`.
- \`increase(syncgate_events_dropped_total[15m])\` above 0: alerts and commit statuses are incomplete. Nothing else is.
`;
}
