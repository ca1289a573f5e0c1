import { CODES, type Code } from '../../../core/errors.ts';

/** What came of judging all signatures of the Notary Project that hang on an image. Plain data. */
export interface NotationAnswer {
  /** Whether one of them is what the trust policy asks for. */
  readonly passed: boolean;
  /** None is, and the trust policy lets the image pass all the same (`authenticity: log`). It is not verified. */
  readonly tolerated: boolean;
  /** Who signed, and what was only logged; or why none counts. A clause for people; undefined where there is none. */
  readonly note: string | undefined;
  /** When the one that counts was made, by the word of somebody trusted, in milliseconds; undefined where nobody says. */
  readonly trustedTime?: number | undefined;
  /** Where none counts. */
  readonly code: Code;
  readonly mend: string;
}

/** Nothing was signed for it. */
export const unsigned: NotationAnswer = {
  passed: false,
  tolerated: false,
  note: undefined,
  code: 'IMAGE_UNSIGNED',
  mend: 'Sign the digest with notation, as an identity of the trust policy.',
};

/** Something was signed, and does not count; `note` says why. */
export function refused(code: Code, note: string, mend = CODES[code].mend): NotationAnswer {
  return { passed: false, tolerated: false, note, code, mend };
}
