import type { JsonValue } from '../../../core/json.ts';
import type { ContentAnswer, ContentJudge, ContentQuestion } from '../../../core/ports.ts';
import type { RegoSettings } from '../rego/settings.ts';
import { openCueContent } from './cue.ts';
import { openRegoContent, type RegoContentPorts } from './rego.ts';

export interface ContentSettings {
  readonly rego: RegoSettings;
  /** The cue program, an absolute path; undefined where the Gate names none: CUE policies are then refused. */
  readonly cue: string | undefined;
}

/** A judge of content whose engines end with `dispose`. */
export interface ClosableContentJudge extends ContentJudge {
  dispose(): Promise<void>;
}

interface ContentPolicy {
  judge(input: JsonValue, signal: AbortSignal): Promise<ContentAnswer>;
  stop?(): Promise<void>;
}

/** More servers than this would cost more memory than starting opa costs time. */
const MAX_SERVERS = 4;

/** Judges content on the real opa and the real cue, each policy compiled once and alone. */
export function createContentJudge(settings: ContentSettings, ports: RegoContentPorts): ClosableContentJudge {
  const opened = new Map<string, Promise<ContentPolicy>>();
  let servers = 0;

  const open = async (question: ContentQuestion, signal: AbortSignal): Promise<ContentPolicy> => {
    switch (question.language) {
      case 'rego': {
        const { longLived, ...others } = ports;
        const kept = longLived !== undefined && servers < MAX_SERVERS ? { ...others, longLived } : others;
        if (kept !== others) servers++;
        return openRegoContent(question, settings.rego, kept, signal);
      }
      case 'cue':
        return openCueContent(question, settings.cue, ports, signal);
      default:
        return question.language satisfies never;
    }
  };
  const policyOf = (question: ContentQuestion, signal: AbortSignal): Promise<ContentPolicy> => {
    // The name is part of it: messages are said in the name of the policy that is asked.
    const key = JSON.stringify([question.language, question.name, question.text]);
    const known = opened.get(key);
    if (known !== undefined) return known;
    const opening = open(question, signal);
    opened.set(key, opening);
    // What could not be opened, for lack of time perhaps, is tried again by the next who asks.
    opening.catch(() => opened.delete(key));
    return opening;
  };

  return {
    async check(question, signal) {
      await policyOf(question, signal);
    },
    async judge(question, input, signal) {
      signal.throwIfAborted();
      return (await policyOf(question, signal)).judge(input, signal);
    },
    async dispose() {
      await Promise.allSettled([...opened.values()].map(async (policy) => (await policy).stop?.()));
    },
  };
}
