export interface ArtifactRequest {
  readonly url: string;
  /** `sha256:…`, `sha384:…` or `sha512:…`, in hex. */
  readonly digest: string;
  /** Absolute path of the file to write; it must not exist. It is gone again unless the answer is `stored`. */
  readonly file: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** `absent` is 404: the source has moved on or its server has lost the file. It passes; read the status again. */
export type ArtifactAnswer = { readonly kind: 'stored'; readonly bytes: number } | { readonly kind: 'absent' };

export async function downloadArtifact(request: ArtifactRequest): Promise<ArtifactAnswer> {
  throw new Error(`not built yet: ${request.url}`);
}
