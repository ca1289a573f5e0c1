/**
 * Plays somebody who may write to the registry but does not hold the key: makes `examples/demo/tampered/`, a copy of
 * the allowed application and its registry in which the tag `shop/api:2.7.0` leads to the unsigned image, and the
 * signature of the old image is doctored to name the new one. Every digest is in order; only the signature is not.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

/** Makes the folder anew; what it held is lost. */
export function tamper(demo: string): void {
  const target = join(demo, 'tampered');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  cpSync(join(demo, 'gate.yaml'), join(target, 'gate.yaml'));
  cpSync(join(demo, 'trust'), join(target, 'trust'), { recursive: true });
  cpSync(join(demo, 'images'), join(target, 'images'), { recursive: true });
  cpSync(join(demo, 'allowed'), join(target, 'app'), { recursive: true });

  const layout = join(target, 'images/shop/api');
  const blob = (digest: string) => join(layout, 'blobs/sha256', digest.slice('sha256:'.length));
  const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
  const keep = (value: unknown): { digest: string; size: number } => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    writeFileSync(blob(digest), bytes);
    return { digest, size: bytes.length };
  };

  const index = readJson(join(layout, 'index.json')) as { manifests: Descriptor[] };
  const tagged = (tag: string) =>
    must(index.manifests.find((each) => each.annotations?.['org.opencontainers.image.ref.name'] === tag));
  const [signed, unsigned] = [tagged('2.7.0'), tagged('2.8.0')];
  const signature = must(index.manifests.find((each) => readJson(blob(each.digest)).subject?.digest === signed.digest));

  const manifest = readJson(blob(signature.digest)) as { subject: Descriptor; layers: [Descriptor] };
  const bundle = readJson(blob(manifest.layers[0].digest)) as { dsseEnvelope: { payload: string } };
  const statement = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString('utf8');
  const doctored = statement.replaceAll(signed.digest.slice(7), unsigned.digest.slice(7));
  bundle.dsseEnvelope.payload = Buffer.from(doctored).toString('base64');
  Object.assign(manifest.layers[0], keep(bundle));
  Object.assign(manifest.subject, { digest: unsigned.digest, size: unsigned.size });
  Object.assign(signature, keep(manifest));
  Object.assign(signed, { digest: unsigned.digest, size: unsigned.size });
  writeFileSync(join(layout, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
}

function must<T>(found: T | undefined): T {
  if (found === undefined) throw new Error("the demo's registry is not as make-images.ts left it");
  return found;
}

if (process.argv[1] === import.meta.filename) tamper(import.meta.dirname);
