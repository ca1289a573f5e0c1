import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { tool } from './tools/resolve.ts';

/** One question to the programs that trust policies were written for. */
export interface SpellingQuestion {
  /** A policy.json: what is wrong with it? */
  readonly policy?: string;
  /** Scopes of its docker transport, and images: which scope has a say on each? */
  readonly scopes?: readonly string[];
  readonly images?: readonly string[];
  /** Pairs of a Kyverno wildcard and a text. */
  readonly patterns?: readonly (readonly [string, string])[];
}

export interface SpellingAnswer {
  readonly error?: string;
  /** One an image: the scope, `default`, or `!` and what is wrong with the image. */
  readonly chosen: readonly string[];
  readonly matches: readonly boolean[];
}

/** go.podman.io/image and Kyverno's wildcards in a child that answers one question after the other. */
export class Spellings implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  private constructor(program: string) {
    this.#child = spawn(program, { stdio: 'pipe' });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<Spellings> {
    return new Spellings(await tool('spellings'));
  }

  async ask(question: SpellingQuestion): Promise<SpellingAnswer> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('spellings ended before it had answered');
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await new Promise((ended) => this.#child.once('close', ended));
  }
}
