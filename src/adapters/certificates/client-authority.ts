import { X509Certificate } from 'node:crypto';
import { GateError } from '../../core/errors.ts';
import type { Log } from '../../core/telemetry.ts';
import type { Pace } from './certificates.ts';
import { readMounted } from './mounted-file.ts';

/** Whose clients a server lets in, now and whenever that changes. */
export interface ClientAuthority {
  /** PEM; several certificates while one authority takes the place of another. */
  readonly current: string;
  /** Called with each text that takes its place. Answers with its removal. */
  onChange(listener: (authority: string) => void): () => void;
  /** Looks for no further ones. */
  close(): void;
}

export interface ClientAuthorityOptions extends Pace {
  readonly path: string;
  /** What messages call it: the flag that names the file. */
  readonly shown: string;
  readonly log: Log;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]{1,65536}-----END CERTIFICATE-----/g;

/**
 * Reads the authority of clients, and looks at its file again and again, as at mounted certificates. What cannot be read,
 * or holds no certificate, is half a change and waits: nobody is let in for it, and nobody shut out. Rejects with
 * CONFIG_INVALID where the first one cannot be used.
 */
export async function openClientAuthority(options: ClientAuthorityOptions): Promise<ClientAuthority> {
  const { path, shown, log, pause, everyMs } = options;
  const over = new AbortController();
  const listeners = new Set<(authority: string) => void>();
  let current = await read(path, shown);
  let complaint = '';

  async function look(): Promise<void> {
    try {
      const found = await read(path, shown);
      complaint = '';
      if (found === current) return;
      for (const listener of listeners) listener(found);
      current = found;
    } catch (error) {
      const text = (error as Error).message;
      if (text !== complaint) log.error('the authority of clients stays as it was', { error: text });
      complaint = text;
    }
  }

  const loop = async () => {
    for (;;) {
      await pause(everyMs, over.signal);
      if (over.signal.aborted) return;
      await look();
    }
  };
  void loop();
  return {
    get current() {
      return current;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => over.abort(),
  };
}

async function read(path: string, shown: string): Promise<string> {
  const text = await readMounted({ path, shown, of: 'certificates', code: 'CONFIG_INVALID' });
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new GateError('CONFIG_INVALID', `${shown} holds no certificate in PEM`);
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (error) {
      throw new GateError('CONFIG_INVALID', `${shown} holds a certificate that cannot be read`, { cause: error });
    }
  }
  return text;
}
