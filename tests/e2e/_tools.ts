/**
 * Runs clients and servers of other projects. Knows which package has which tool, so that a test fails with
 * what to install instead of being skipped.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { until } from "./_shunt.ts";

/** Debian packages of the tools. */
const PACKAGES: Readonly<Record<string, string>> = {
  curl: "curl",
  dig: "bind9-dnsutils",
  mosquitto_pub: "mosquitto-clients",
  mosquitto_sub: "mosquitto-clients",
  openssl: "openssl",
  prometheus: "prometheus",
  promtool: "prometheus",
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
  "/usr/sbin/mosquitto": "mosquitto",
  "/usr/sbin/sshd": "openssh-server",
};

/** Milliseconds after which a tool that does not end is killed. */
const RUN_MS = 30_000;

/** A tool that runs while a test talks to it or through it. */
export class Tool implements AsyncDisposable {
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<unknown>;
  #output = "";
  #over = false;

  /**
   * @param name The tool
   * @param args Its arguments
   */
  constructor(name: string, args: readonly string[]) {
    this.#name = name;
    this.#child = spawn(name, args);
    this.#stdin = this.#child.stdin.getWriter();
    this.#read = Promise.all([
      this.#collect(this.#child.stdout),
      this.#collect(this.#child.stderr),
      this.#child.status.then(() => this.#over = true),
    ]);
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** All that it wrote so far. */
  get output(): string {
    return this.#output;
  }

  /**
   * Waits until its output matches.
   *
   * @param pattern What to wait for
   * @returns The match
   */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    const find = () => this.#output.match(pattern);
    try {
      await until(() => find() !== null || this.#over, `${pattern} from ${this.#name}`);
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#output}`);
    }
    // What it wrote last may still be on its way when it has ended.
    if (this.#over) await this.#read;
    const found = find();
    if (found === null) throw new Error(`${this.#name} never said ${pattern}:\n${this.#output}`);
    return found;
  }

  /**
   * Types something in.
   *
   * @param text What
   */
  async type(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** Ends its standard input and waits for its end. */
  async end(): Promise<void> {
    await this.#stdin.close();
    await until(() => this.#over, `the end of ${this.#name}`);
  }

  /**
   * Sends a signal.
   *
   * @param signal Which
   */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    if (!this.#over) {
      try {
        this.#child.kill("SIGTERM");
      } catch {
        // It has just ended.
      }
    }
    await this.#read;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#output += decoder.decode(chunk, { stream: true });
  }
}

/**
 * Runs a tool to its end; it must succeed.
 *
 * @param name The tool
 * @param args Its arguments
 * @param input What its standard input brings
 * @returns What it wrote to its standard output
 */
export async function run(
  name: string,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Promise<string> {
  const child = spawn(name, args);
  const typed = (async () => {
    const stdin = child.stdin.getWriter();
    // A tool that reads nothing closes its input before all is written.
    await stdin.write(input).then(() => stdin.close()).catch(() => {});
  })();
  const late = setTimeout(() => child.kill("SIGKILL"), RUN_MS);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(late);
  await typed;
  const said = new TextDecoder().decode(stderr);
  assertEquals(code, 0, `${name} ${args.join(" ")} failed: ${said}`);
  return new TextDecoder().decode(stdout);
}

function spawn(name: string, args: readonly string[]): Deno.ChildProcess {
  const command = new Deno.Command(name, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { LC_ALL: "C" },
  });
  try {
    return command.spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `Cannot find "${name}", which this test needs: apt-get install ${PACKAGES[name] ?? name}`,
    );
  }
}
