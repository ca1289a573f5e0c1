/**
 * The world, as the stages see it. Adapters implement these; stages and checks receive them as arguments, so time,
 * processes, files and the network never arrive by import.
 */
import type { Digest, Repository } from './image.ts';
import type { JsonValue } from './json.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface ExecRequest {
  /** Absolute path of the program; nothing is looked up on PATH and nothing goes through a shell. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment of the child: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Bytes of stdout after which the child is killed. stderr is kept up to 64 KiB and then cut, never an error. */
  readonly maxOutputBytes: number;
  /** Address-space limit of the child in bytes, where the platform can set one. */
  readonly maxMemoryBytes?: number;
  readonly signal: AbortSignal;
}

/** How a child ended. A missing program, a signal, a deadline and too much output are answers, not exceptions. */
export type ExecResult =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: Buffer; readonly stderr: string }
  | { readonly kind: 'killed'; readonly why: 'deadline' | 'output' | 'signal'; readonly stderr: string }
  | { readonly kind: 'missing'; readonly message: string };

/** Runs a program in a process group of its own and leaves nothing behind, however it ends. */
export type Exec = (request: ExecRequest) => Promise<ExecResult>;

/** A child that runs until it is stopped. */
export interface Served {
  /** Settles when the child has ended, however it ended; never rejects. */
  readonly ended: Promise<ExecResult>;
  /** What it wrote to stderr so far, at most 64 KiB. */
  stderr(): string;
  /** Kills the whole group and waits until it is gone. Calling it again is harmless. */
  stop(): Promise<void>;
}

/** Starts a program that goes on running, such as a policy server. The request's signal stops it too. */
export type Serve = (request: ExecRequest) => Served | ExecResult;

interface SocketRequest {
  /** Absolute path of a unix socket. */
  readonly socket: string;
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly body?: string;
  /** Bytes of the answer after which the connection is cut. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** What a server on a unix socket answered; no server, a cut connection and too much output are answers too. */
export type SocketAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: Buffer }
  | { readonly kind: 'failed'; readonly why: 'connection' | 'deadline' | 'output'; readonly message: string };

/** Asks a server on a unix socket over HTTP; nothing else can be reached through it. Never rejects. */
export type AskSocket = (request: SocketRequest) => Promise<SocketAnswer>;

/** What a host wants to see before it hands something out. Files are absolute paths. */
export interface HostCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly token?: string;
  readonly caFile?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly sshKeyFile?: string;
  readonly knownHostsFile?: string;
}

/** Proxies, as in the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
export interface Proxies {
  readonly https: string | undefined;
  readonly http: string | undefined;
  readonly none: string | undefined;
}

export interface DownloadRequest {
  readonly url: string;
  /** Asked before every request, and so for each redirect too. */
  readonly isAllowed: (url: string) => boolean;
  readonly credentialsFor: (url: string) => HostCredentials | undefined;
  readonly proxies: Proxies;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Fetches one file over https, or plain http where `isAllowed` says so. Throws RENDER_FETCH_FAILED. */
export type Download = (request: DownloadRequest) => Promise<Uint8Array>;

/** A content descriptor (OCI image-spec), as far as it is used. `digest` is as claimed: hash what you fetch. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Bytes whose sha256 was computed here and equals `digest`. */
export interface VerifiedBytes {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A repository, and whose credentials it is read with. */
export interface ReadRepository extends Repository {
  /**
   * Names of pull secrets in the gate's own store, tried in this order before the ordinary credentials. One that is not
   * there is REGISTRY_SETTINGS_INVALID.
   */
  readonly pullSecrets?: readonly string[];
}

/**
 * Reads one registry (or folder that stands for one). Every body is hashed before it is returned. Absence is
 * `undefined`; anything else that goes wrong throws a GateError with a REGISTRY_* code.
 */
export interface Registry {
  /** The digest and media type that a tag points to now. */
  resolveTag(repository: ReadRepository, tag: string, signal: AbortSignal): Promise<Descriptor | undefined>;
  /** A manifest or index by digest or tag. */
  manifest(
    repository: ReadRepository,
    reference: Digest | string,
    signal: AbortSignal,
  ): Promise<VerifiedBytes | undefined>;
  /** A blob of at most `maxBytes`. */
  blob(
    repository: ReadRepository,
    digest: Digest,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<VerifiedBytes | undefined>;
  /**
   * Every manifest whose subject is `digest`: from the referrers API, and where there is none from the tag
   * `sha256-<hex>`. Hints only: artifactType and annotations are unsigned, and may be missing.
   */
  referrers(repository: ReadRepository, digest: Digest, signal: AbortSignal): Promise<readonly Descriptor[]>;
}

/** A thread that answers questions: what it is sent and what it sends are structured clones. */
export interface Thread {
  /** Sends a question. `transfer` is moved and not copied. */
  post(question: unknown, transfer: readonly ArrayBuffer[]): void;
  /** Called with each answer. */
  onAnswer(listener: (answer: unknown) => void): void;
  /** Called once, when the thread has ended in any way, with what it threw if it did. */
  onEnd(listener: (thrown: unknown) => void): void;
  /** Whether the process waits for it. */
  hold(held: boolean): void;
  /** Ends it at once, whatever it is doing. */
  stop(): void;
}

/** Starts the thread that verifies. It has no environment, and its memory is bounded. */
export type StartThread = () => Thread;

/** A policy over signed content, such as the `policy` of an attestation. */
export interface ContentQuestion {
  readonly language: 'rego' | 'cue';
  readonly text: string;
  /** What messages call it: `ClusterImagePolicy release, attestation provenance`. */
  readonly name: string;
}

/**
 * Judges content that was already verified. Each question is asked in isolation: two policies never see one another,
 * though both say `package sigstore`.
 */
export interface ContentJudge {
  /** Once, when policies are loaded. Throws what it would throw later: no engine, no parse, a function it must not use. */
  check(question: ContentQuestion, signal: AbortSignal): Promise<void>;
  /** Throws a GateError for what could not be evaluated. */
  judge(question: ContentQuestion, input: JsonValue, signal: AbortSignal): Promise<ContentAnswer>;
}

export type ContentAnswer = { readonly kind: 'passed' } | { readonly kind: 'failed'; readonly message: string };
