/**
 * A real `sshd` with keys of the test, and the command line of an `ssh` that trusts only it. Knows nothing
 * of shunt.
 *
 * @module
 */

import { run, Tool } from "./_tools.ts";

/** Tries to find a port that is free: `sshd` cannot be asked for any. */
const PORT_ATTEMPTS = 5;

/** A running `sshd`. */
export class SshServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #sshd: Tool;

  private constructor(port: number, folder: string, sshd: Tool) {
    this.port = port;
    this.#folder = folder;
    this.#sshd = sshd;
  }

  /** Starts one. */
  static async start(): Promise<SshServer> {
    const folder = await Deno.makeTempDir({ prefix: "shunt-ssh-" });
    for (const key of ["host", "user"]) {
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/${key}`]);
    }
    // The daemon wants its empty folder, which packages leave to the init system.
    if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true });
    for (let attempt = 1;; attempt++) {
      const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = probe.addr;
      probe.close();
      await Deno.writeTextFile(`${folder}/conf`, configuration(folder, port));
      const sshd = new Tool("/usr/sbin/sshd", ["-D", "-e", "-f", `${folder}/conf`]);
      try {
        await sshd.says(/Server listening on 127\.0\.0\.1/);
        return new SshServer(port, folder, sshd);
      } catch (error) {
        await sshd[Symbol.asyncDispose]();
        if (attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Runs a command on the server.
   *
   * @param port Where to connect on loopback; the host key must be this server's all the same
   * @param command The command
   * @param input What its standard input brings
   * @returns What it wrote
   */
  async run(port: number, command: string, input?: Uint8Array): Promise<string> {
    const hostKey = await Deno.readTextFile(`${this.#folder}/host.pub`);
    await Deno.writeTextFile(`${this.#folder}/known`, `bastion ${hostKey}`);
    const user = (await run("id", ["-un"])).trim();
    const options = [
      "BatchMode=yes",
      "IdentitiesOnly=yes",
      "StrictHostKeyChecking=yes",
      `UserKnownHostsFile=${this.#folder}/known`,
      "GlobalKnownHostsFile=/dev/null",
      "HostKeyAlias=bastion",
      "ConnectTimeout=20",
    ].flatMap((option) => ["-o", option]);
    const identity = ["-F", "none", "-i", `${this.#folder}/user`, "-p", String(port)];
    return await run("ssh", [...identity, ...options, `${user}@127.0.0.1`, command], input);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sshd[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function configuration(folder: string, port: number): string {
  return `ListenAddress 127.0.0.1:${port}
HostKey ${folder}/host
AuthorizedKeysFile ${folder}/user.pub
PidFile none
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
`;
}
