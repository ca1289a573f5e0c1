import express, { type Express, type Response } from 'express';

export interface ProbePorts {
  /** Why the process should be started anew; undefined where it should not. */
  readonly ailing: () => string | undefined;
  /** What is not ready yet; empty where all is. */
  readonly waitingFor: () => readonly string[];
  /** What Prometheus is told, and in which format. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/**
 * `/healthz` and `/readyz` for the kubelet, `/metrics` for Prometheus, and nothing else. 200 with `ok`, or 503 with one
 * line a reason. A port that throws is a reason too.
 */
export function createProbeApp(ports: ProbePorts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.use((request, response, next) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    if (request.method === 'GET' || request.method === 'HEAD') return next();
    response.set({ allow: 'GET, HEAD', connection: 'close' }).status(405).end();
  });
  app.get('/healthz', (_, response) => {
    const why = attempt(() => ports.ailing());
    tell(response, why === undefined ? [] : [why]);
  });
  app.get('/readyz', (_, response) => tell(response, attempt(() => ports.waitingFor()) ?? []));
  app.get('/metrics', (_, response) => {
    ports.metrics().then(
      ({ contentType, text }) => response.status(200).set('content-type', contentType).end(text),
      () => response.status(500).end(),
    );
  });
  app.use((_, response) => {
    response.status(404).end();
  });
  return app;
}

function attempt<Answer>(ask: () => Answer): Answer | string[] {
  try {
    return ask();
  } catch {
    return ['the probe itself failed'];
  }
}

function tell(response: Response, reasons: readonly (string | readonly string[])[]): void {
  const text = reasons.length === 0 ? 'ok' : reasons.flat().join('\n');
  response
    .status(reasons.length === 0 ? 200 : 503)
    .type('text/plain')
    .end(`${text}\n`);
}
