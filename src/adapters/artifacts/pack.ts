export interface PackedArtifact {
  /** A gzipped tar. */
  readonly bytes: Buffer;
  /** sha256 of the bytes, in hex. */
  readonly hex: string;
  /** `sha256:<hex>`. */
  readonly digest: string;
}

export async function packArtifact(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<PackedArtifact> {
  throw new Error(`not built yet: ${files.length}`);
}
