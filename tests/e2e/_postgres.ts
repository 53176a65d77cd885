/**
 * Runs PostgreSQL's own servers and asks them by `psql`. Knows nothing of shunt.
 *
 * @module
 */

import type { Certificates } from "./_openssl.ts";
import { connect, until } from "./_shunt.ts";

/** Debian keeps the programs of each version apart. */
const FOLDER = "/usr/lib/postgresql";
/** PostgreSQL refuses to run as root; this user exists everywhere. */
const NOBODY = 65_534;
const RUN_MS = 30_000;

/**
 * Finds the servers' programs.
 *
 * @returns Their folder; `undefined` if they, or `psql`, are not installed
 */
export function findPostgres(): string | undefined {
  try {
    new Deno.Command("psql", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    const versions = [...Deno.readDirSync(FOLDER)].map(({ name }) => `${FOLDER}/${name}/bin`);
    return versions.find((bin) => Deno.statSync(`${bin}/initdb`).isFile);
  } catch {
    return undefined;
  }
}

/** A server to start. */
export interface ServerOptions {
  /** What it calls itself (`cluster_name`). */
  readonly name: string;
  /** The name in its certificate; without one it speaks no TLS. */
  readonly host?: string;
}

/** A running server. */
export interface Postgres {
  readonly name: string;
  readonly port: number;
}

function asNobody(name: string, args: readonly string[]): Deno.Command {
  const user = Deno.uid() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const options = { ...user, env: { LC_ALL: "C" }, cwd: "/" };
  return new Deno.Command(name, { ...options, args: [...args], stdout: "null", stderr: "piped" });
}

/** Servers of one test, with the user `app`, who is trusted. */
export class PostgresServers implements AsyncDisposable {
  readonly #bin: string;
  readonly #folder: string;
  readonly #running: { readonly child: Deno.ChildProcess; readonly said: Promise<string> }[] = [];

  private constructor(bin: string, folder: string) {
    this.#bin = bin;
    this.#folder = folder;
  }

  /**
   * Prepares what all servers begin with.
   *
   * @param bin Where the programs are
   */
  static async make(bin: string): Promise<PostgresServers> {
    const folder = await Deno.makeTempDir({ prefix: "shunt-postgres-" });
    if (Deno.uid() === 0) await Deno.chown(folder, NOBODY, NOBODY);
    const servers = new PostgresServers(bin, folder);
    const args = ["-D", `${folder}/empty`, "-U", "app", "-A", "trust", "-N", "-E", "UTF8"];
    const { code, stderr } = await asNobody(`${bin}/initdb`, args).output();
    if (code !== 0) throw new Error(`initdb failed: ${new TextDecoder().decode(stderr)}`);
    return servers;
  }

  /**
   * Starts a server on a free port of 127.0.0.1.
   *
   * @param options The server
   * @param certificates Where its certificate is
   */
  async start({ name, host }: ServerOptions, certificates: Certificates): Promise<Postgres> {
    const data = `${this.#folder}/${name}`;
    const copied = await asNobody("cp", ["-a", `${this.#folder}/empty`, data]).output();
    if (copied.code !== 0) throw new Error(new TextDecoder().decode(copied.stderr));
    const settings = [`cluster_name=${name}`, "fsync=off", "shared_buffers=16MB"];
    settings.push("listen_addresses=127.0.0.1", "unix_socket_directories=");
    if (host !== undefined) {
      for (const [from, to] of [["certificate", "cert"], ["key", "key"]] as const) {
        await Deno.copyFile(certificates[from](host), `${data}/${to}.pem`);
        await Deno.chmod(`${data}/${to}.pem`, 0o600);
        if (Deno.uid() === 0) await Deno.chown(`${data}/${to}.pem`, NOBODY, NOBODY);
      }
      settings.push("ssl=on", "ssl_cert_file=cert.pem", "ssl_key_file=key.pem");
    }
    const port = freePort();
    const args = ["-D", data, "-p", `${port}`, ...settings.flatMap((setting) => ["-c", setting])];
    const child = asNobody(`${this.#bin}/postgres`, args).spawn();
    const said = new Response(child.stderr).text();
    this.#running.push({ child, said });
    let over = false;
    child.status.then(() => over = true);
    await until(async () => over || await answers(port), `server "${name}" to listen`, RUN_MS);
    if (over) throw new Error(`Server "${name}" ended: ${await said}`);
    return { name, port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, said } of this.#running) {
      // At once, whoever is connected.
      child.kill("SIGQUIT");
      await child.status;
      await said;
    }
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function answers(port: number): Promise<boolean> {
  try {
    (await connect(port)).close();
    return true;
  } catch {
    return false;
  }
}

/**
 * Asks by `psql` which server answers, and whether by TLS.
 *
 * @param port Where to
 * @param settings More of libpq's connection parameters
 * @returns `NAME tls` or `NAME clear`, or what `psql` says of its failure
 */
export async function whoAnswers(
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  const all = {
    hostaddr: "127.0.0.1",
    port: `${port}`,
    user: "app",
    dbname: "postgres",
    connect_timeout: "20",
  };
  const line = Object.entries({ ...all, ...settings }).map(([key, value]) => `${key}=${value}`);
  const query = "SELECT current_setting('cluster_name') || ' ' || " +
    "CASE WHEN ssl THEN 'tls' ELSE 'clear' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  const { code, stdout, stderr } = await new Deno.Command("psql", {
    args: ["-X", "-A", "-t", "-c", query, line.join(" ")],
    env: { LC_ALL: "C", HOME: "/nonexistent", PGGSSENCMODE: "disable" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  return new TextDecoder().decode(code === 0 ? stdout : stderr).trim();
}

/**
 * Reads which version of libpq `psql` has.
 *
 * @returns Its major version
 */
export function libpqVersion(): number {
  const { stdout } = new Deno.Command("psql", { args: ["--version"] }).outputSync();
  return Number(new TextDecoder().decode(stdout).match(/ ([0-9]+)/)?.[1] ?? 0);
}
