import type { IncomingMessage } from 'node:http';
import { KubeError, valueAt } from '../../core/kube.ts';

const maxRefusalBytes = 256 * 1024;
const maxMessageLength = 1024;

/** The refusal that an answer is: a `Status` of the API where it is one. */
export async function errorFromAnswer(answer: IncomingMessage): Promise<KubeError> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxRefusalBytes) {
      answer.destroy();
      break;
    }
    chunks.push(chunk);
  }
  return errorFromStatus(answer.statusCode ?? 0, parse(Buffer.concat(chunks).toString('utf8')));
}

/** The error that a `Status` object tells of; an ERROR event of a watch holds one too. */
export function errorFromStatus(answered: number, status: unknown): KubeError {
  const code = valueAt(status, 'code');
  const reason = valueAt(status, 'reason');
  const message = valueAt(status, 'message');
  const number = typeof code === 'number' ? code : answered;
  return new KubeError(
    number,
    typeof reason === 'string' && reason !== '' ? reason : (REASONS[number] ?? 'Unknown'),
    typeof message === 'string' && message !== '' ? oneLine(message) : `the API server answered ${number}`,
  );
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A webhook or an object's author may have written it. */
function oneLine(text: string): string {
  return text
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, maxMessageLength);
}
