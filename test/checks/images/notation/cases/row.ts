/** One row of the comparison with notation-go, and what rows are made of. */
import type { TargetDescriptor } from '../../../../../src/checks/images/notation/model.ts';
import {
  cose,
  forgeCose,
  forgeJws,
  hour,
  jws,
  payload,
  type Question,
  type StatementChange,
  target,
  trustPolicy,
  type World,
} from '../support.ts';

let held: World | undefined;

/** Rows are made before there is a world, and asked when there is. */
export function useWorld(world: World): void {
  held = world;
}

function world(): World {
  if (held === undefined) throw new Error('there is no world yet');
  return held;
}

export interface Row {
  readonly name: string;
  readonly ask: () => Question | Promise<Question>;
  /** `verified`, `tolerated`, `skip`, `none`, `policy`, or `rejected` with why and step. */
  readonly ours: string;
  /** Whether notation-go lets it pass; left out where it does as ours. */
  readonly theirs?: boolean;
  /** Why the two differ. */
  readonly because?: string;
}

export const exact = (change: StatementChange) => trustPolicy(change);
export const strict = (override: Record<string, string>, more: Record<string, unknown> = {}) => ({
  signatureVerification: { level: 'strict', override, ...more },
});
export const always = { trustStores: ['ca:acme', 'tsa:clocks'] };
export const x509 = (name: string) => `x509.subject: C=US, ST=WA, O=acme, CN=${name}`;

export function signed(
  certificate: string,
  more: Record<string, unknown> = {},
  question: Partial<Question> = {},
): Row['ask'] {
  return async () => {
    const mediaType = question.mediaType ?? jws;
    return {
      mediaType,
      ...question,
      envelope: await world().notation.sign({ mediaType, certificate, payload, ...more }),
    };
  };
}
export function forged(forgery: Parameters<typeof forgeJws>[1], question: Partial<Question> = {}): Row['ask'] {
  return () => ({ mediaType: jws, ...question, envelope: forgeJws(world(), forgery) });
}
export function forgedCose(forgery: Parameters<typeof forgeCose>[1], question: Partial<Question> = {}): Row['ask'] {
  return () => ({ mediaType: cose, ...question, envelope: forgeCose(world(), forgery) });
}
/** An honest signature by ec256, changed afterwards. */
export function tampered(change: (envelope: Record<string, unknown>) => unknown, certificate = 'ec256'): Row['ask'] {
  return async () => {
    const envelope = JSON.parse((await world().notation.sign({ mediaType: jws, certificate, payload })).toString());
    const made = change(envelope);
    return { mediaType: jws, envelope: Buffer.from(typeof made === 'string' ? made : JSON.stringify(made)) };
  };
}
/** A signature that carries a token over its own signature bytes, or over others. */
export function stamped(
  by: string,
  token: { authority: string; time?: Date; accuracy?: number },
  question: Partial<Question> = {},
  over?: Uint8Array,
): Row['ask'] {
  return async () => {
    const envelope = JSON.parse(forgeJws(world(), { by, ...timesOf(by) }).toString());
    const content = over ?? Buffer.from(envelope.signature, 'base64url');
    const made = await world().notation.timestamp({ ...token, content });
    envelope.header['io.cncf.notary.timestampSignature'] = made.toString('base64');
    return { mediaType: jws, ...question, envelope: Buffer.from(JSON.stringify(envelope)) };
  };
}
function timesOf(by: string) {
  if (by !== 'expired') return {};
  const time = new Date(Date.now() - 5 * hour).toISOString().replace(/\.\d+Z/, 'Z');
  return { head: { 'io.cncf.notary.signingTime': time } };
}
export const ago = (hours: number) => new Date(Date.now() - hours * hour);
export const other = (change: Partial<TargetDescriptor>) => ({ target: { ...target, ...change } });
export const scheme = (name: string) => ({ scheme: name });
export const authority = 'notary.x509.signingAuthority';
export const isoSeconds = (time: Date) => time.toISOString().replace(/\.\d+Z/, 'Z');
