import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { tool } from './tools/resolve.ts';

/** One JSON text a document, or what the decoder said against the text. */
interface Reading {
  readonly documents: readonly string[] | null;
  readonly error?: string;
}

/** What Kubernetes' own decoders read in one text. */
export interface KubernetesReading {
  /** As a plugin's output is cut into documents. */
  readonly raw: Reading;
  /** As the objects of a plain directory's file are read. */
  readonly direct: Reading;
  /** As the objects that a plugin or a renderer printed are read, which is twice. */
  readonly printed: Reading;
}

/** Apimachinery's decoder and sigs.k8s.io/yaml in a child that answers one text after the other. */
export class Kubeyaml implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  private constructor(program: string) {
    this.#child = spawn(program, { stdio: 'pipe' });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<Kubeyaml> {
    return new Kubeyaml(await tool('kubeyaml'));
  }

  async read(text: string | Uint8Array): Promise<KubernetesReading> {
    const [answer] = await this.readAll([text]);
    if (answer === undefined) throw new Error('kubeyaml did not answer');
    return answer;
  }

  /** The answers in the order of the texts; asked in one go, because a turn for each costs more than the reading. */
  async readAll(texts: readonly (string | Uint8Array)[]): Promise<KubernetesReading[]> {
    const answers: KubernetesReading[] = [];
    this.#child.stdin.write(texts.map((text) => `${Buffer.from(text).toString('base64')}\n`).join(''));
    for (const _ of texts) {
      const { value, done } = await this.#answers.next();
      if (done === true) throw new Error('kubeyaml ended before it had answered');
      answers.push(JSON.parse(value));
    }
    return answers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await new Promise((ended) => this.#child.once('close', ended));
  }
}
