import type { GateError } from '../core/errors.ts';

export interface TarEntry {
  readonly kind: 'file' | 'folder' | 'link';
  /** As the archive says, in valid UTF-8; whether it may be used is for whoever gets it to say. */
  readonly name: string;
  /** Bytes of a file; 0 of everything else. */
  readonly size: number;
}

/** What is called while an archive is read; `data` and `end` belong to the last entry, and only files have them. */
export interface TarSink {
  entry(entry: TarEntry): void;
  data(bytes: Buffer): void;
  end(): void;
  /** Before an extended header of so many bytes is read. */
  extension(bytes: number): void;
  /** For bytes after the end mark. */
  after(bytes: number): void;
}

export interface TarReader {
  push(chunk: Buffer): void;
  /** Throws unless the archive has ended as an archive ends. */
  finish(): void;
}

/** What an archive can be refused for: `special` is an entry that is neither file nor folder nor symbolic link. */
export type Refuse = (what: string, special?: boolean) => GateError;

const BLOCK = 512;
/** Long names and a few attributes. */
const MAX_EXTENDED = 64 * 1024;
const ZEROS = Buffer.alloc(64 * 1024);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Extension {
  readonly name?: string;
  readonly size?: number;
}

type State =
  | { readonly at: 'header' }
  | { readonly at: 'file'; left: number; padding: number }
  | { readonly at: 'extended'; readonly type: 'x' | 'g' | 'L' | 'K'; left: number; readonly padding: number }
  | { readonly at: 'padding'; left: number }
  | { readonly at: 'after' };

/**
 * Reads a tar archive as it comes. Every header form that two readers could understand differently is refused: sparse
 * files, sizes in binary or given twice, folders with content, several extensions of one header, names that go on after
 * their end, an archive that does not end.
 */
export function createTarReader(sink: TarSink, refuse: Refuse): TarReader {
  const block = Buffer.alloc(BLOCK);
  let filled = 0;
  let state: State = { at: 'header' };
  let body: Buffer[] = [];
  let extension: Extension | undefined;
  let linkIsExtended = false;

  function header(bytes: Buffer): State {
    if (bytes.equals(ZEROS.subarray(0, BLOCK))) {
      if (extension !== undefined || linkIsExtended) throw refuse('it ends with a header that belongs to nothing');
      return { at: 'after' };
    }
    if (!hasSum(bytes)) throw refuse('it is damaged: a header has another checksum');
    const dialect = dialectOf(bytes);
    if (dialect === undefined) throw refuse('it is of a kind of tar that is not read');
    const type = String.fromCharCode(bytes[156] as number);
    const size = octal(bytes, 124, 12);
    if (size === undefined) throw refuse('the size of an entry is not written in octal');
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      const isRepeated = type === 'K' ? linkIsExtended : type !== 'g' && extension !== undefined;
      if (isRepeated || (type === 'g' && (extension !== undefined || linkIsExtended))) {
        throw refuse('it extends one header more than once');
      }
      if (size > MAX_EXTENDED) throw refuse(`an extended header is larger than ${MAX_EXTENDED} bytes`);
      sink.extension(size + 2 * BLOCK);
      body = [];
      return size === 0 ? extended(type) : { at: 'extended', type, left: size, padding: paddingOf(size) };
    }
    const name = extension?.name ?? headerName(bytes, dialect, refuse);
    if (extension?.size !== undefined && extension.size !== size) throw refuse('the size of an entry is given twice');
    const isLink = type === '2';
    if (linkIsExtended && !isLink) throw refuse('it extends a link that is none');
    extension = undefined;
    linkIsExtended = false;
    // An old archive tells a folder by its slash.
    const isFolder = type === '5' || (type === '\0' && name.endsWith('/'));
    const shown = JSON.stringify(name.slice(0, 100));
    if (isLink || isFolder) {
      if (size > 0) throw refuse(`${shown} is a ${isLink ? 'link' : 'folder'} with content`);
      sink.entry({ kind: isLink ? 'link' : 'folder', name, size });
      return { at: 'header' };
    }
    if (type === '1') throw refuse(`${shown} is a hard link`, true);
    if (type === '3' || type === '4' || type === '6') throw refuse(`${shown} is a device or a pipe`, true);
    if (type !== '0' && type !== '\0') throw refuse(`${shown} is of a kind that is not read`, true);
    sink.entry({ kind: 'file', name, size });
    if (size > 0) return { at: 'file', left: size, padding: paddingOf(size) };
    sink.end();
    return { at: 'header' };
  }

  function extended(type: 'x' | 'g' | 'L' | 'K'): State {
    const bytes = Buffer.concat(body);
    body = [];
    if (type === 'K') linkIsExtended = true;
    else if (type === 'L') extension = { name: terminated(bytes, refuse) };
    else {
      const found = records(bytes, refuse);
      if (type === 'x') extension = found;
      // Go leaves it aside, others apply it to every file.
      else if (found.name !== undefined || found.size !== undefined) throw refuse('it gives all its files one name');
    }
    if (extension?.name === '') throw refuse('it has an empty name');
    return { at: 'header' };
  }

  function push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const left = chunk.length - at;
      if (state.at === 'header') {
        if (filled === 0 && left >= BLOCK) {
          state = header(chunk.subarray(at, at + BLOCK));
          at += BLOCK;
          continue;
        }
        const taken = Math.min(left, BLOCK - filled);
        chunk.copy(block, filled, at, at + taken);
        filled += taken;
        at += taken;
        if (filled < BLOCK) continue;
        filled = 0;
        state = header(block);
      } else if (state.at === 'after') {
        sink.after(left);
        for (; at < chunk.length; at += ZEROS.length) {
          const rest = chunk.subarray(at, at + ZEROS.length);
          if (!rest.equals(ZEROS.subarray(0, rest.length))) throw refuse('something follows the end of it');
        }
      } else {
        const taken = Math.min(left, state.left);
        const bytes = chunk.subarray(at, at + taken);
        at += taken;
        state.left -= taken;
        if (state.at === 'file') sink.data(bytes);
        else if (state.at === 'extended') body.push(Buffer.from(bytes));
        if (state.left > 0) continue;
        const { at: was } = state;
        const padding = was === 'padding' ? 0 : state.padding;
        if (was === 'file') sink.end();
        if (state.at === 'extended') extended(state.type);
        state = padding > 0 ? { at: 'padding', left: padding } : { at: 'header' };
      }
    }
  }

  function finish(): void {
    if (state.at !== 'after') throw refuse('it is cut off, or has no end mark');
  }

  return { push, finish };
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

type Dialect = 'posix' | 'gnu' | 'old';

/** By the magic, and by the parts of the header that only one dialect fills. */
function dialectOf(header: Buffer): Dialect | undefined {
  const isEmpty = (start: number, end: number) => header.subarray(start, end).equals(ZEROS.subarray(0, end - start));
  // A trailer there is star's, which gives the prefix another length.
  if (!isEmpty(500, 512)) return undefined;
  const magic = header.toString('latin1', 257, 265);
  if (magic === 'ustar\x0000') return 'posix';
  // Where others have the prefix of the name, GNU has times of increments and the map of a sparse file.
  if (magic === 'ustar  \0') return isEmpty(345, 500) ? 'gnu' : undefined;
  // GNU tar writes device numbers into the old form too.
  return isEmpty(257, 329) && isEmpty(345, 500) ? 'old' : undefined;
}

function headerName(header: Buffer, dialect: Dialect, refuse: Refuse): string {
  const name = terminated(header.subarray(0, 100), refuse);
  const prefix = dialect === 'posix' ? terminated(header.subarray(345, 500), refuse) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** A text up to its NUL; after that nothing may follow. */
function terminated(bytes: Buffer, refuse: Refuse): string {
  const end = bytes.indexOf(0);
  if (end >= 0 && bytes.subarray(end).some((byte) => byte !== 0)) throw refuse('a name goes on after its end');
  return text(end < 0 ? bytes : bytes.subarray(0, end), refuse);
}

function text(bytes: Buffer, refuse: Refuse): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw refuse('a name is not in UTF-8');
  }
}

function octal(header: Buffer, at: number, length: number): number | undefined {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(header.toString('latin1', at, at + length))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

function hasSum(header: Buffer): boolean {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += header[at] as number;
  return octal(header, 148, 8) === sum;
}

/** The records of a pax header, `<length> <key>=<value>\n`. */
function records(bytes: Buffer, refuse: Refuse): Extension {
  const found: { name?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? '' : bytes.toString('latin1', at, space);
    const length = /^[1-9][0-9]{0,8}$/.test(digits) ? Number(digits) : 0;
    const equals = bytes.indexOf(0x3d, at);
    const end = at + length;
    if (end > bytes.length || equals <= space + 1 || equals >= end || bytes[end - 1] !== 0x0a) {
      throw refuse('an extended header is damaged');
    }
    const key = text(bytes.subarray(space + 1, equals), refuse);
    const value = bytes.subarray(equals + 1, end - 1);
    if (key === 'path') {
      if (found.name !== undefined) throw refuse('a name is given twice');
      found.name = terminated(value, refuse);
      if (value.includes(0)) throw refuse('a name goes on after its end');
    } else if (key === 'size') {
      const size = value.toString('latin1');
      if (found.size !== undefined || !/^[0-9]{1,15}$/.test(size)) throw refuse('the size of an entry is not a number');
      found.size = Number(size);
    } else if (key.startsWith('GNU.sparse') || key === 'hdrcharset') {
      throw refuse('it holds sparse files, or names in another encoding');
    }
    at = end;
  }
  return found;
}
