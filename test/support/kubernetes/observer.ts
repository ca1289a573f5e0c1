/**
 * A validating webhook that lets everything through and remembers what it was shown: objects as they are when policies
 * judge them. The answer to a dry run is not the same, because it has been through the store's encoding and its defaults.
 */
import { createServer } from 'node:https';
import { isObject, type JsonObject } from '../../../src/core/json.ts';
import { waitFor } from '../argocd/component.ts';
import { makeCertificates } from '../certificates.ts';
import { homeNamespace, type PolicyServer } from './server.ts';

export interface Observer extends AsyncDisposable {
  /** What policies were shown when this was created as a dry run; undefined where the server refused it before. */
  shown(object: JsonObject): Promise<{ readonly object: JsonObject | undefined; readonly status: number }>;
}

export async function startObserver(server: PolicyServer): Promise<Observer> {
  const { ca, server: tls } = makeCertificates();
  let last: JsonObject | undefined;
  const webhook = createServer(tls, (request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const review = JSON.parse(text) as { readonly request: { readonly uid: string; readonly object: JsonObject } };
      last = review.request.object;
      const answer = {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { uid: review.request.uid, allowed: true },
      };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((done) => webhook.listen(0, '127.0.0.1', done));
  const address = webhook.address();
  const port = isObject(address) ? Number(address['port']) : 0;
  const resourceRules = { apiGroups: ['*'], apiVersions: ['*'], operations: ['CREATE'], resources: ['*'] };
  const { status, body } = await server.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'observer' },
    webhooks: [
      {
        name: 'observer.example.com',
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(ca).toString('base64') },
        rules: [resourceRules],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        matchPolicy: 'Exact',
      },
    ],
  });
  if (status !== 201) throw new Error(`the server refuses the observer: ${String(body['message'])}`);
  const shown: Observer['shown'] = async (object) => {
    last = undefined;
    const answer = await server.create(object, { dryRun: true });
    return { object: last, status: answer.status };
  };
  const probe = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe', namespace: homeNamespace } };
  await waitFor('the webhook to be called', 30_000, async () =>
    (await shown(probe)).object === undefined ? undefined : true,
  );
  return {
    shown,
    [Symbol.asyncDispose]: async () => {
      webhook.closeAllConnections();
      await new Promise<void>((done) => webhook.close(() => done()));
    },
  };
}
