import { X509Certificate } from 'node:crypto';
import { Agent, get as getPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningServer, type ServerOptions, startServer } from '../../src/adapters/http-server.ts';
import { makeCertificates } from '../support/certificates.ts';

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.close(0);
  running = undefined;
});

async function start(more: Partial<ServerOptions> = {}): Promise<RunningServer> {
  running = await startServer({ address: '127.0.0.1:0', listener: (_, response) => response.end('hello'), ...more });
  return running;
}

async function closed(socket: Socket): Promise<string> {
  let got = '';
  socket.on('error', () => undefined);
  socket.setEncoding('latin1').on('data', (text: string) => {
    got += text;
  });
  await new Promise((done) => socket.once('close', done));
  return got;
}

describe('an address', () => {
  it.each(['127.0.0.1:0', ':0', '[::1]:0', 'localhost:0'])('%s is served at', async (address) => {
    const { port } = await start({ address });
    const host = address.startsWith('[') ? '[::1]' : 'localhost';
    expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe('hello');
  });

  it.each(['', '9090', 'localhost', ':99999', ':-1', 'a b:80', '[::1', 'http://x:1/', ':80x'])(
    '%j is none',
    async (address) => {
      await expect(start({ address })).rejects.toMatchObject({ code: 'SERVER_FAILED' });
    },
  );

  it('that is taken is an error', async () => {
    const { port } = await start();
    await expect(startServer({ address: `127.0.0.1:${port}`, listener: () => undefined })).rejects.toMatchObject({
      code: 'SERVER_FAILED',
      message: expect.stringContaining('EADDRINUSE'),
    });
  });
});

describe('clients that hold up', () => {
  it('are cut where they take too long for their headers', { timeout: 30_000 }, async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1');
    const drip = setInterval(() => socket.write('x-a: b\r\n'), 500);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n');
    const answer = await closed(socket);
    clearInterval(drip);
    expect(answer).toMatch(/^(HTTP\/1.1 408 |$)/);
  });

  it('are refused where their headers are too long', async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`);
    expect(await closed(socket)).toMatch(/^HTTP\/1.1 431 /);
  });

  it('have company of a bounded number', async () => {
    const { port } = await start({ maxConnections: 2, maxConnectionsPerAddress: 3 });
    const first = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(first.map((socket) => new Promise((done) => socket.once('connect', done))));
    expect(await closed(connect(port, '127.0.0.1'))).toBe('');
    for (const socket of first) socket.destroy();
  });
});

describe('one client', () => {
  it('has its share of the connections, and gets it back', async () => {
    const { port } = await start({ maxConnections: 8 });
    const first = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(first.map((socket) => new Promise((done) => socket.once('connect', done))));
    expect(await closed(connect(port, '127.0.0.1'))).toBe('');
    // Another has a share of its own.
    const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    other.end('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    expect(await closed(other)).toMatch(/^HTTP\/1\.1 200/);
    for (const socket of first) socket.destroy();
    await expect
      .poll(() =>
        fetch(`http://127.0.0.1:${port}/`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });
});

describe('the end', () => {
  it('waits for what is under way, and takes nothing new', async () => {
    let answer: () => void = () => undefined;
    const begun = new Promise<void>((done) => {
      start({
        listener: (_, response) => {
          answer = () => response.end('late');
          done();
        },
      });
    });
    while (running === undefined) await new Promise((done) => setTimeout(done, 1));
    const { port } = running;
    const asked = fetch(`http://127.0.0.1:${port}/`);
    await begun;
    const ended = running.close(20_000);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    answer();
    expect(await (await asked).text()).toBe('late');
    await ended;
  });

  it('does not wait for connections that only stay open', async () => {
    const { port, close } = await start();
    const agent = new Agent({ keepAlive: true });
    await new Promise((done) =>
      getPlain({ port, host: '127.0.0.1', agent }, (response) => response.resume().on('end', done)),
    );
    await close(60_000);
    agent.destroy();
  });

  it('cuts what is not done by then', async () => {
    const { port, close } = await start({ listener: () => undefined });
    const asked = fetch(`http://127.0.0.1:${port}/`);
    asked.catch(() => undefined);
    await new Promise((done) => setTimeout(done, 50));
    await close(100);
    await expect(asked).rejects.toThrow();
  });
});

describe('TLS', () => {
  const one = makeCertificates();
  const two = makeCertificates();

  function peer(port: number, ca: string): Promise<PeerCertificate> {
    return new Promise((done, fail) => {
      const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => {
        done(socket.getPeerCertificate());
        socket.destroy();
      });
      socket.on('error', fail);
    });
  }

  it('gives new connections the new certificate, and leaves open ones alone', async () => {
    const { port, setCertificate } = await start({ tls: one.server });
    const open = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: one.ca });
    await new Promise((done) => open.once('secureConnect', done));
    const serial = new X509Certificate(two.server.cert).serialNumber;
    setCertificate(two.server);
    expect((await peer(port, two.ca)).serialNumber).toBe(serial);
    await expect(peer(port, one.ca)).rejects.toThrow();
    open.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await closed(open)).toContain('hello');
  });

  it('keeps the old one where the new one is none', async () => {
    const { port, setCertificate } = await start({ tls: one.server });
    expect(() => setCertificate({ cert: two.server.cert, key: one.server.key })).toThrow();
    expect(() => setCertificate({ cert: 'none', key: 'none' })).toThrow();
    await peer(port, one.ca);
  });

  it('does not start with a key of another', async () => {
    await expect(start({ tls: { cert: one.server.cert, key: two.server.key } })).rejects.toMatchObject({
      code: 'SERVER_FAILED',
    });
  });

  it('lets only clients of the authority in, where one is given', async () => {
    const { port } = await start({ tls: { ...one.server, clientCa: two.ca } });
    const ask = (client?: { cert: string; key: string }) =>
      new Promise<number>((done, fail) => {
        const asked = requestSecure(
          { port, host: '127.0.0.1', servername: 'localhost', ca: one.ca, agent: false, ...client },
          (response) => {
            response.resume();
            done(response.statusCode ?? 0);
          },
        );
        asked.on('error', fail).end();
      });
    expect(await ask(two.client)).toBe(200);
    await expect(ask(one.client)).rejects.toThrow();
    await expect(ask()).rejects.toThrow();
    running?.setCertificate(one.server);
    await expect(ask()).rejects.toThrow();
    expect(await ask(two.client)).toBe(200);
  });

  it('ends connections of an authority that is no longer one', async () => {
    const served = await start({ tls: { ...one.server, clientCa: two.ca } });
    const connect = async (client: object) => {
      const socket = connectTls({
        port: served.port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: one.ca,
        ...client,
      });
      await new Promise((done) => socket.once('secureConnect', done));
      return socket;
    };
    const [silent, idle] = [await connect(two.client), await connect(two.client)];
    const answered = new Promise((done) => idle.once('data', done));
    idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await answered;
    served.setClientCa(one.ca);
    expect(await closed(idle)).not.toContain('hello');
    // Whoever has not asked yet is answered once.
    silent.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(await closed(silent)).toMatch(/connection: close/i);
    await expect(connect(two.client).then(closed)).resolves.toBe('');
  });

  it.each([
    ['client', true],
    ['kube-apiserver', false],
    ['', false],
  ])('lets of the clients of the authority only %j in, where one is named', async (clientName, isIn) => {
    const { port } = await start({ tls: { ...one.server, clientCa: two.ca, clientName } });
    const answered = new Promise<number>((done, fail) => {
      const asked = requestSecure(
        { port, host: '127.0.0.1', servername: 'localhost', ca: one.ca, agent: false, ...two.client },
        (response) => {
          response.resume();
          done(response.statusCode ?? 0);
        },
      );
      asked.on('error', fail).end();
    });
    if (isIn) expect(await answered).toBe(200);
    else await expect(answered).rejects.toThrow();
  });

  it('does not hold a connection that never shakes hands', { timeout: 30_000 }, async () => {
    const { port } = await start({ tls: one.server });
    expect(await closed(connect(port, '127.0.0.1'))).toBe('');
  });
});
