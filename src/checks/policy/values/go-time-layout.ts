/** The language of Go's time layouts: which parts of `Mon Jan _2 15:04:05.000 MST 2006` stand for what. */

export interface LayoutField {
  /** What stands before the field, to be taken as it is. */
  readonly prefix: string;
  /** The field's name; undefined where the layout ends without another. Zones are named as they are written. */
  readonly field: string | undefined;
  readonly rest: string;
  /** How many digits a fraction of a second has. */
  readonly digits: number;
  /** What stands before a fraction: `.` or `,`. */
  readonly separator: string;
}

/** Spellings in the order in which Go tries them, by their first character. */
const spellings: Readonly<Record<string, readonly (readonly [spelling: string, field: string])[]>> = {
  J: [
    ['January', 'monthLong'],
    ['Jan', 'monthShort'],
  ],
  M: [
    ['Monday', 'weekdayLong'],
    ['Mon', 'weekdayShort'],
    ['MST', 'zoneName'],
  ],
  '0': [
    ['01', 'month0'],
    ['02', 'day0'],
    ['03', 'hour120'],
    ['04', 'minute0'],
    ['05', 'second0'],
    ['06', 'year2'],
    ['002', 'yearDay0'],
  ],
  '1': [
    ['15', 'hour'],
    ['1', 'month'],
  ],
  '2': [
    ['2006', 'year'],
    ['2', 'day'],
  ],
  _: [
    ['_2', 'dayUnder'],
    ['__2', 'yearDayUnder'],
  ],
  '3': [['3', 'hour12']],
  '4': [['4', 'minute']],
  '5': [['5', 'second']],
  P: [['PM', 'PM']],
  p: [['pm', 'pm']],
  '-': zones('-'),
  Z: zones('Z'),
};

function zones(sign: string): (readonly [string, string])[] {
  return ['070000', '07:00:00', '0700', '07:00', '07'].map((zone) => [sign + zone, sign + zone] as const);
}

/** The first field of a layout, with what stands before and after it. */
export function nextLayoutField(layout: string): LayoutField {
  for (let at = 0; at < layout.length; at++) {
    const first = layout[at] as string;
    if (first === '.' || first === ',') {
      const fraction = fractionAt(layout, at);
      if (fraction !== undefined) return fraction;
      continue;
    }
    const candidates = Object.hasOwn(spellings, first) ? spellings[first] : undefined;
    for (const [spelling, field] of candidates ?? []) {
      if (!layout.startsWith(spelling, at)) continue;
      const end = at + spelling.length;
      // "Janvier" and "Month" hold no field.
      if ((spelling === 'Jan' || spelling === 'Mon') && startsLower(layout, end)) continue;
      // A year may follow an underscore that stands for itself.
      if (spelling === '_2' && layout.startsWith('2006', at + 1)) {
        return { prefix: layout.slice(0, at + 1), field: 'year', rest: layout.slice(at + 5), digits: 0, separator: '' };
      }
      return { prefix: layout.slice(0, at), field, rest: layout.slice(end), digits: 0, separator: '' };
    }
  }
  return { prefix: layout, field: undefined, rest: '', digits: 0, separator: '' };
}

function fractionAt(layout: string, at: number): LayoutField | undefined {
  const digit = layout[at + 1];
  if (digit !== '0' && digit !== '9') return undefined;
  let end = at + 1;
  while (layout[end] === digit) end++;
  const after = layout.charCodeAt(end);
  if (after >= 0x30 && after <= 0x39) return undefined;
  return {
    prefix: layout.slice(0, at),
    field: digit === '0' ? 'fraction0' : 'fraction9',
    rest: layout.slice(end),
    digits: end - at - 1,
    separator: layout[at] as string,
  };
}

function startsLower(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0x61 && unit <= 0x7a;
}
