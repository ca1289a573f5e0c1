/**
 * A webhook that judges nothing: the least that any in this runtime can cost. It serves HTTPS on the port and with the
 * certificate and key of its arguments, and says no to Pods on the network of their host alone, so that one can see
 * whether it is asked.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [, , port = '', certificate = '', key = ''] = process.argv;
const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
const server = createServer(tls, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => void chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    const { request: asked } = JSON.parse(body.toString('utf8')) as { readonly request: { readonly uid: string } };
    const answer = { uid: asked.uid, allowed: !body.includes('"hostNetwork":true') };
    const text = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text);
  });
});
// Go's clients keep connections for 90 seconds; one that is closed just as it is used again fails a request.
server.keepAliveTimeout = 100_000;
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('serves\n'));
