import { GateError } from '../../core/errors.ts';

/** Some 330 MiB, as Node holds them: a value that takes three bytes in a review takes two hundred once it is read. */
const maxValues = 1_500_000;

/** Reviews that are read and judged at one time, bounded by the values in them. */
export interface Room {
  /** Does the work while there is room for a review. Throws ADMISSION_BUSY, before anything is read, where there is none. */
  hold<Result>(body: Buffer, work: () => Promise<Result>): Promise<Result>;
}

/**
 * Bytes do not tell what a review costs: eight MiB of small mappings become 350 MiB, and a few of them at one time would
 * end the process, with everybody's reviews.
 */
export function createRoom(most: number = maxValues): Room {
  let held = 0;
  return {
    async hold(body, work) {
      const values = countValues(body);
      if (held + values > most) {
        const what =
          values > most
            ? `a review holds more than ${most} values`
            : `the reviews that are judged now hold ${held} of ${most} values, and another ${values} do not fit`;
        throw new GateError('ADMISSION_BUSY', what);
      }
      held += values;
      try {
        return await work();
      } finally {
        held -= values;
      }
    },
  };
}

const [quote, backslash, comma, openList, openMapping] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b];

/** How many values a text of JSON may hold at most: all that begins behind a comma, a bracket or a brace. */
export function countValues(body: Buffer): number {
  let values = 1;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === quote) {
      at = endOfText(body, at + 1);
      if (at < 0) return values;
    } else if (byte === comma || byte === openList || byte === openMapping) values++;
  }
  return values;
}

/** Where the closing quote of a text stands; negative where there is none. */
function endOfText(body: Buffer, from: number): number {
  for (let end = body.indexOf(quote, from); end >= 0; end = body.indexOf(quote, end + 1)) {
    let slashes = 0;
    while (end - slashes > from && body[end - 1 - slashes] === backslash) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}
