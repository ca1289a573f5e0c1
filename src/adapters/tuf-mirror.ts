import { GateError } from '../core/errors.ts';
import type { DownloadRequest, Proxies } from '../core/ports.ts';
import { AnswerError, download } from './download.ts';

/**
 * Fetches files of a TUF mirror over https, from the mirror's own host alone: a redirect to another is refused. Undefined
 * where the server says that a file is not there (404, or 403 as object stores say it); anything else that goes wrong
 * throws IMAGE_TRUST_ROOT_REMOTE. What comes is signed, and checked by whoever asked.
 */
export function tufMirror(proxies: Proxies, credentialsFor: DownloadRequest['credentialsFor'] = () => undefined) {
  return async (url: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array | undefined> => {
    const { origin } = new URL(url);
    const isAllowed = (asked: string) => new URL(asked).origin === origin && origin.startsWith('https://');
    try {
      return await download({ url, isAllowed, credentialsFor, proxies, maxBytes, signal });
    } catch (error) {
      if (!(error instanceof GateError)) throw error;
      if (error.cause instanceof AnswerError && (error.cause.status === 404 || error.cause.status === 403))
        return undefined;
      throw new GateError('IMAGE_TRUST_ROOT_REMOTE', error.message, { cause: error });
    }
  };
}
