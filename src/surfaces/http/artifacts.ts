import type { RequestListener } from 'node:http';
import type { Readable } from 'node:stream';

export interface ArtifactServerPorts {
  /** A file by its exact path (without the leading slash); undefined for everything that may not be had. */
  readonly open: (
    path: string,
  ) => Promise<{ readonly size: number; readonly digest: string; readonly body: Readable } | undefined>;
  readonly onServed?: (path: string, status: number) => void;
}

export function createArtifactApp(ports: ArtifactServerPorts): RequestListener {
  throw new Error(`not built yet: ${ports.open.name}`);
}
