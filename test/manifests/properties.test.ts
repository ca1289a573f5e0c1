import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GateError } from '../../src/core/errors.ts';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { readDocuments } from '../../src/manifests/documents.ts';
import { emitManifests } from '../../src/manifests/emit.ts';
import { readJson } from '../../src/manifests/json-reader.ts';
import { TextProblem } from '../../src/manifests/problem.ts';
import { Kubeyaml } from '../support/kubeyaml.ts';
import { jsonObjects, yamlStreams } from './generate.ts';
import { parse } from './read.ts';

let kubeyaml: Kubeyaml;
beforeAll(async () => {
  kubeyaml = await Kubeyaml.start();
});
afterAll(() => kubeyaml[Symbol.asyncDispose]());

const limits = {
  maxDepth: 200,
  maxAliasNodes: 100_000,
  maxAliasCharacters: 1_000_000,
};
/** Go prints a float that is zero and negative as -0, and reads it as the integer 0. */
const plainZero = (json: string) => json.replace(/(^|[[:,])-0(?=[,\]}]|$)/g, '$10');
const canonical = (json: string) => plainZero(canonicalJson(readJson(json, 0, { maxDepth: 1000 }).value));

function documents(text: string): string[] | undefined {
  try {
    return [...readDocuments(text, limits, () => {})].map(({ value }) => plainZero(canonicalJson(value)));
  } catch (error) {
    if (error instanceof TextProblem) return undefined;
    throw error;
  }
}

describe('any text', () => {
  it('is read as Kubernetes reads it, or refused; never the other way round', async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(yamlStreams, { minLength: 50, maxLength: 50 }), async (streams) => {
        const theirs = await kubeyaml.readAll(streams);
        for (const [i, stream] of streams.entries()) {
          const ours = documents(stream);
          if (ours === undefined) continue;
          read++;
          expect({ stream, documents: ours }).toEqual({
            stream,
            documents: theirs[i]?.raw.documents?.map(canonical) ?? theirs[i]?.raw.error,
          });
        }
      }),
      { numRuns: 100 },
    );
    // A generator of rubbish would prove nothing.
    expect(read).toBeGreaterThan(300);
  });

  it('throws nothing but a GateError', () => {
    const texts = fc.oneof(
      yamlStreams.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(texts, (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(GateError);
          expect((error as GateError).message).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029]/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function manifestOf(object: JsonObject): Manifest {
  const identity = { apiVersion: 'v1', kind: 'Any', namespace: undefined, name: 'a' };
  return { index: 0, identity, object, origin: { file: 'x' }, locate: () => ({ file: 'x' }) };
}

describe.each(['json', 'yaml'] as const)('any object that is written as %s', (format) => {
  it('reads back as itself', () => {
    fc.assert(
      fc.property(jsonObjects, (object) => {
        const written = emitManifests([manifestOf(object)], format);
        expect(parse(written).map((each) => canonicalJson(each.object))).toEqual([canonicalJson(object)]);
      }),
      { numRuns: 1000 },
    );
  });

  it('is read by Kubernetes as the same, in every way in which Argo CD reads', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(jsonObjects, { minLength: 20, maxLength: 20 }), async (objects) => {
        const written = emitManifests(objects.map(manifestOf), format);
        const { raw, direct, printed } = await kubeyaml.read(written);
        expect(raw.error).toBeUndefined();
        expect(raw.documents?.map(canonical)).toEqual(objects.map((object) => canonical(canonicalJson(object))));
        expect(direct.documents).toHaveLength(objects.length);
        // Argo CD makes one line of YAML of each document and reads that: no key there can be longer than 1024
        // characters, and of YAML (not of JSON) it unpacks the control characters before.
        const json = canonicalJson(objects);
        const unpacked = format === 'yaml' && /[\x7f-\x9f\ufeff\ufffe\uffff]/.test(json);
        if (!json.includes('k'.repeat(1024)) && !unpacked) expect(printed.documents).toEqual(direct.documents);
      }),
      { numRuns: 50 },
    );
  });
});
