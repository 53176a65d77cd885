/**
 * Certificates and TLS servers made with `openssl`. Knows nothing of shunt.
 *
 * @module
 */

import { run, Tool } from "./_tools.ts";

/** A certificate authority of the test, and the certificates that it has signed. */
export class Certificates implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Makes a certificate authority and a certificate for each name.
   *
   * @param names Host names
   * @returns Their certificates, in files until disposed
   */
  static async make(...names: readonly string[]): Promise<Certificates> {
    const certificates = new Certificates(await Deno.makeTempDir({ prefix: "shunt-tls-" }));
    await certificates.#sign("ca", ["-subj", "/CN=Authority of a test"]);
    const ca = ["-CA", certificates.authority, "-CAkey", certificates.key("ca")];
    for (const name of names) {
      const extensions = ["basicConstraints=critical,CA:FALSE", `subjectAltName=DNS:${name}`];
      const added = extensions.flatMap((extension) => ["-addext", extension]);
      await certificates.#sign(name, [...ca, "-subj", `/CN=${name}`, ...added]);
    }
    return certificates;
  }

  /** File of the authority's certificate. */
  get authority(): string {
    return this.certificate("ca");
  }

  /** File of a name's certificate. */
  certificate(name: string): string {
    return `${this.#folder}/${name}.pem`;
  }

  /** File of a name's key. */
  key(name: string): string {
    return `${this.#folder}/${name}.key`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #sign(name: string, args: readonly string[]): Promise<void> {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const files = ["-keyout", this.key(name), "-out", this.certificate(name)];
    await run("openssl", ["req", "-x509", "-days", "2", ...curve, ...files, ...args]);
  }
}

/** A running `openssl s_server`, which sends back each line reversed. */
export interface TlsServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * Starts `openssl s_server`.
 *
 * @param certificates Where its certificate is
 * @param name Its server name
 * @param alpn The protocol that it negotiates, if any
 * @returns The server
 */
export async function serveTls(
  certificates: Certificates,
  name: string,
  alpn?: string,
): Promise<TlsServer> {
  const identity = ["-cert", certificates.certificate(name), "-key", certificates.key(name)];
  const server = new Tool("openssl", [
    ...["s_server", "-accept", "127.0.0.1:0", "-rev", ...identity],
    ...alpn === undefined ? [] : ["-alpn", alpn],
  ]);
  const [, port] = await server.says(/ACCEPT 127\.0\.0\.1:(\d+)/);
  return { port: Number(port), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/**
 * Connects with `openssl s_client` to the server of a name: checks the certificate against the authority,
 * and that a line comes back reversed.
 *
 * @param port Where to connect on loopback
 * @param certificates The trusted authority
 * @param client What the client offers
 * @returns The common name of the server's certificate and the negotiated protocol
 */
export async function askTls(
  port: number,
  certificates: Certificates,
  client: { readonly sni?: string; readonly alpn?: string },
): Promise<{ readonly name: string | undefined; readonly alpn: string | undefined }> {
  const { sni, alpn } = client;
  await using tool = new Tool("openssl", [
    ...["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", certificates.authority],
    "-verify_return_error",
    ...sni === undefined ? ["-noservername"] : ["-servername", sni],
    ...alpn === undefined ? [] : ["-alpn", alpn],
  ]);
  await tool.type("through the shunt\n");
  await tool.says(/^tnuhs eht hguorht$/m);
  await tool.end();
  const name = tool.output.match(/^subject=CN ?= ?(\S+)/m)?.[1];
  return { name, alpn: tool.output.match(/^ALPN protocol: (\S+)/m)?.[1] };
}
