/**
 * A certificate authority of the soak, made with `openssl`. Knows nothing of its users.
 *
 * @module
 */

import type { TargetFiles } from "./targets.ts";

async function openssl(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args] }).output();
  if (!success) throw new Error(`openssl failed: ${new TextDecoder().decode(stderr)}`);
}

/** Files that TLS needs on both sides. */
export interface Certificates extends TargetFiles {
  readonly authority: string;
}

/**
 * Makes an authority, and a certificate for every name under `tls.soak.test`.
 *
 * @param folder Where the files go
 * @returns The files
 */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const make = async (name: string, args: readonly string[]) => {
    const [key, cert] = [`${folder}/${name}.key`, `${folder}/${name}.pem`];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const files = ["-keyout", key, "-out", cert];
    await openssl(["req", "-x509", "-days", "30", ...curve, ...files, ...args]);
    return { key, cert };
  };
  const ca = await make("ca", ["-subj", "/CN=Authority of a soak"]);
  const extensions = ["basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:*.tls.soak.test"];
  const { cert, key } = await make("target", [
    ...["-CA", ca.cert, "-CAkey", ca.key, "-subj", "/CN=tls.soak.test"],
    ...extensions.flatMap((extension) => ["-addext", extension]),
  ]);
  return { authority: ca.cert, cert, key };
}
