import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { JsonObject } from '../../src/core/json.ts';
import { readJson } from '../../src/manifests/json-reader.ts';
import { tool } from './tools/resolve.ts';

/** What one of Flux's libraries answered, or said against it. */
export type FluxAnswer<Value> = { readonly value: Value } | { readonly error: string };

interface RawAnswer {
  readonly objects?: readonly JsonObject[];
  readonly names?: readonly string[];
  readonly text?: string;
  readonly values?: JsonObject;
  readonly error?: string;
}

export interface FluxReference {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly name: string;
  readonly valuesKey?: string;
  readonly targetPath?: string;
  readonly optional?: boolean;
  readonly literal?: boolean;
}

/** Flux's own libraries in a child that answers one request after the other. */
export class Fluxbuild implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  private constructor(program: string) {
    this.#child = spawn(program, { stdio: 'pipe' });
    this.#child.stderr.resume();
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<Fluxbuild> {
    return new Fluxbuild(await tool('fluxbuild'));
  }

  /** What kustomize-controller would apply for the spec of a Kustomization, but for owner labels. The source stays as it is. */
  async build(source: string, spec: JsonObject): Promise<FluxAnswer<readonly JsonObject[]>> {
    const copy = mkdtempSync(join(tmpdir(), 'fluxbuild-'));
    try {
      const root = join(copy, 'root');
      cpSync(source, root, { recursive: true, verbatimSymlinks: true });
      const answer = await this.#ask({ op: 'build', root, spec });
      if (answer.error !== undefined) return { error: answer.error.replaceAll(root, '<root>') };
      return { value: answer.objects ?? [] };
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }

  /** One object, as kustomize reads and Flux substitutes it, without a build around it. */
  async object(text: string, spec: JsonObject): Promise<FluxAnswer<readonly JsonObject[]>> {
    const answer = await this.#ask({ op: 'object', text, spec });
    return answer.error === undefined ? { value: answer.objects ?? [] } : { error: answer.error };
  }

  /** envsubst.Eval in strict mode. */
  async substitute(text: string, variables: Readonly<Record<string, string>>): Promise<FluxAnswer<string>> {
    return answered(await this.#ask({ op: 'substitute', text, variables }), 'text', '');
  }

  /** JSONToYAML of sigs.k8s.io/yaml. */
  async print(json: string): Promise<FluxAnswer<string>> {
    return answered(await this.#ask(`{"op":"print","value":${json}}`), 'text', '');
  }

  /** What kustomize-controller makes of an object before it applies it. */
  async normalize(json: string): Promise<FluxAnswer<JsonObject>> {
    const answer = await this.#ask(`{"op":"normalize","value":${json}}`);
    return answer.error === undefined ? { value: answer.objects?.[0] ?? {} } : { error: answer.error };
  }

  /** Names of all fields whose integers it cuts down to 32 bits. */
  async narrow(): Promise<readonly string[]> {
    return (await this.#ask({ op: 'narrow' })).names ?? [];
  }

  /** The values that a HelmRelease would render with. Objects are called `ConfigMap/name`. */
  async values(
    inline: JsonObject | undefined,
    references: readonly FluxReference[],
    objects: Readonly<Record<string, Readonly<Record<string, string>>>>,
  ): Promise<FluxAnswer<JsonObject>> {
    return answered(await this.#ask({ op: 'values', inline, references, objects }), 'values', {});
  }

  async #ask(request: object | string): Promise<RawAnswer> {
    this.#child.stdin.write(`${typeof request === 'string' ? request : JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('fluxbuild ended before it had answered');
    // Integers that a double cannot hold are compared too.
    return readJson(value, 0, { maxDepth: 1000 }).value as RawAnswer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await new Promise((ended) => this.#child.once('close', ended));
  }
}

function answered<Key extends 'text' | 'values'>(
  answer: RawAnswer,
  key: Key,
  empty: NonNullable<RawAnswer[Key]>,
): FluxAnswer<NonNullable<RawAnswer[Key]>> {
  return answer.error === undefined ? { value: answer[key] ?? empty } : { error: answer.error };
}
