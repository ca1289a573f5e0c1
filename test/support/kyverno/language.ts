import { resolve } from 'node:path';

/** Policies that use every part of Kyverno's language, and objects for them. */
export const languageFolder = resolve(import.meta.dirname, '../../checks/policy/kyverno/language');

/** What the real Kyverno says of them: written by `scripts/kyverno-language.ts`. */
export const languageRecord = resolve(languageFolder, 'verdicts.json');

/** So many mutants are judged by each policy, besides the objects themselves. */
export const languageMutants = 60;
