import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { tool } from './tools/resolve.ts';

export interface CertificateRequest {
  readonly name: string;
  /** Left out: it issues itself. */
  readonly issuer?: string;
  readonly subject?: Readonly<Record<string, string>>;
  /** Organisational units. */
  readonly units?: readonly string[];
  readonly key?: 'rsa1024' | 'rsa2048' | 'rsa3072' | 'rsa4096' | 'ec224' | 'ec256' | 'ec384' | 'ec521';
  /** The key of a certificate that is there already. */
  readonly keyOf?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly ca?: boolean;
  readonly basicConstraints?: boolean;
  readonly pathLength?: number;
  readonly keyUsage?: readonly string[];
  /** A key usage that is not critical. */
  readonly keyUsageLoose?: boolean;
  readonly extendedKeyUsage?: readonly string[];
  readonly extendedCritical?: boolean;
  readonly listUrls?: readonly string[];
  readonly statusUrls?: readonly string[];
  /** Critical extensions that nobody knows, one each. */
  readonly unknown?: readonly string[];
}

export interface Issued {
  readonly pem: string;
  readonly der: Buffer;
  /** PKCS #8 in PEM. */
  readonly key: string;
}

export interface ListRequest {
  readonly name: string;
  readonly issuer: string;
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date;
  readonly number?: number;
  readonly revoked?: readonly { certificate: string; reason?: number; invalidity?: Date }[];
  readonly critical?: readonly { id: readonly number[]; value: Buffer }[];
}

export interface SignRequest {
  readonly mediaType: string;
  readonly certificate: string;
  readonly payload: string | Buffer;
  readonly contentType?: string;
  readonly scheme?: string;
  readonly signingTime?: Date;
  readonly expiry?: Date;
  readonly attributes?: readonly { key: string; value: unknown; critical: boolean }[];
  /** The certificate of a timestamp authority that countersigns. */
  readonly authority?: string;
  readonly timestampTime?: Date;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface VerifyRequest {
  readonly envelope: Uint8Array;
  readonly mediaType: string;
  readonly reference: string;
  readonly descriptor: Descriptor;
  readonly trustPolicy: unknown;
  /** Which has `truststore/` in it. */
  readonly folder: string;
  /** The revocation list that answers at an address. */
  readonly lists?: Readonly<Record<string, string>>;
}

export interface NotationAnswer {
  /** `policy`: the trust policy itself was refused. */
  readonly verdict: 'verified' | 'skipped' | 'rejected' | 'policy';
  readonly why?: string;
  /** Validations that failed and were only logged. */
  readonly logged?: readonly string[];
}

const hour = 3_600_000;

/** Signer and verifier of the Notary Project's own libraries, in a child that answers one request after the other. */
export class Notation implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  private constructor(program: string) {
    this.#child = spawn(program, { stdio: 'pipe', env: {} });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<Notation> {
    return new Notation(await tool('notation'));
  }

  /** A certificate that the program keeps by its name, with its key. */
  async certificate(asked: CertificateRequest): Promise<Issued> {
    const certificate = {
      subject: { C: 'US', ST: 'WA', O: 'acme', CN: asked.name },
      notBefore: new Date(Date.now() - hour),
      notAfter: new Date(Date.now() + 24 * hour),
      ...asked,
    };
    const made = await this.#ask<{ pem: string; der: string; key: string }>({ op: 'certificate', certificate });
    return { ...made, der: Buffer.from(made.der, 'base64') };
  }

  /** An authority for signers or for timestamps. */
  async authority(name: string, more: Partial<CertificateRequest> = {}): Promise<Issued> {
    return await this.certificate({ name, ca: true, keyUsage: ['keyCertSign', 'crlSign'], ...more });
  }

  /** A certificate for signing artifacts. */
  async signer(name: string, issuer: string | undefined, more: Partial<CertificateRequest> = {}): Promise<Issued> {
    const usage = { keyUsage: ['digitalSignature'], extendedKeyUsage: ['codeSigning'] };
    return await this.certificate({ name, ...(issuer === undefined ? {} : { issuer }), ...usage, ...more });
  }

  /** A certificate for timestamps. */
  async clock(name: string, issuer: string, more: Partial<CertificateRequest> = {}): Promise<Issued> {
    const usage = { keyUsage: ['digitalSignature'], extendedKeyUsage: ['timeStamping'], extendedCritical: true };
    return await this.certificate({ name, issuer, ...usage, ...more });
  }

  async list(asked: ListRequest): Promise<{ pem: string; der: Buffer }> {
    const list = {
      thisUpdate: new Date(Date.now() - hour),
      nextUpdate: new Date(Date.now() + hour),
      number: 1,
      ...asked,
      critical: asked.critical?.map((each) => ({ id: each.id, value: each.value.toString('base64') })),
    };
    const made = await this.#ask<{ pem: string; der: string }>({ op: 'list', list });
    return { pem: made.pem, der: Buffer.from(made.der, 'base64') };
  }

  /** An envelope, as notation-core-go makes it. */
  async sign(asked: SignRequest): Promise<Buffer> {
    const sign = {
      contentType: 'application/vnd.cncf.notary.payload.v1+json',
      scheme: 'notary.x509',
      signingTime: new Date(Date.now() - 60_000),
      ...asked,
      payload: Buffer.from(asked.payload).toString('base64'),
    };
    const made = await this.#ask<{ envelope: string }>({ op: 'sign', sign });
    return Buffer.from(made.envelope, 'base64');
  }

  /** Signs an image in a registry on loopback, as `notation sign` does. */
  async signImage(image: {
    readonly reference: string;
    readonly mediaType: string;
    readonly certificate: string;
    /** Until it expires. */
    readonly seconds?: number;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly authority?: string;
  }): Promise<void> {
    await this.#ask({ op: 'sign-image', image });
  }

  /** A timestamp token over some bytes; accuracy in milliseconds. */
  async timestamp(asked: { authority: string; content: Uint8Array; time?: Date; accuracy?: number }): Promise<Buffer> {
    const timestamp = { ...asked, content: Buffer.from(asked.content).toString('base64') };
    const made = await this.#ask<{ token: string }>({ op: 'timestamp', timestamp });
    return Buffer.from(made.token, 'base64');
  }

  /** What notation-go itself says; it judges by the real time. */
  async verify(asked: VerifyRequest): Promise<NotationAnswer> {
    const verify = { ...asked, envelope: Buffer.from(asked.envelope).toString('base64') };
    return await this.#ask<NotationAnswer>({ op: 'verify', verify });
  }

  async #ask<T>(request: unknown): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('the notation program ended before it had answered');
    const answer = JSON.parse(value) as T & { readonly error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await new Promise((ended) => this.#child.once('close', ended));
  }
}
