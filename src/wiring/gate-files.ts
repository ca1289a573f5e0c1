import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { stampOf } from '../adapters/watched-files.ts';
import type { AlarmClock } from '../core/deadline.ts';
import type { LoadedGate } from './loaded-gate.ts';

/** Files that never stay as they are must not keep rules from being loaded. */
const unrestMs = 30_000;

/** The files of a folder that say a Gate, in the order of their names. Throws what the file system says. */
export function gateFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

/** Differs whenever one of those files does, or which there are. */
export function folderStamp(folder: string): string {
  try {
    return stampOf(gateFiles(folder).map((path) => ({ path, name: basename(path) })));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** The files as they are at one moment: of the folder of Gates, and of all that each Gate names. */
export interface Look {
  readonly folder: string;
  readonly gates: ReadonlyMap<LoadedGate, string>;
}

export function lookAt(folder: string, gates: readonly LoadedGate[]): Look {
  return { folder: folderStamp(folder), gates: new Map(gates.map((gate) => [gate, stampOf(gate.watched())])) };
}

/**
 * Which files stay as they are, of the folder or of one Gate: two looks in a row have seen the same, or they have been
 * restless for so long that waiting would be worse.
 */
export function createUnrest(timers: AlarmClock) {
  type Part = LoadedGate | 'folder';
  let since = new Map<Part, number>();
  return {
    settled(a: Look, b: Look, loaded: string): (part: Part) => boolean {
      const at = timers.now();
      const changed = new Map<Part, number>();
      const isSame = (part: Part) =>
        part === 'folder' ? a.folder === b.folder : a.gates.get(part) === b.gates.get(part);
      const isLoaded = (part: Part) => (part === 'folder' ? b.folder === loaded : b.gates.get(part) === part.stamp);
      for (const part of ['folder' as const, ...b.gates.keys()]) {
        if (!isLoaded(part)) changed.set(part, since.get(part) ?? at);
      }
      since = changed;
      return (part) => isSame(part) || at - (changed.get(part) ?? at) >= unrestMs;
    },
  };
}
