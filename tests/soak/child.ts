/**
 * The processes that a soak starts: targets, the load, shunt itself. Knows how to start and end them, not
 * the content of their records.
 *
 * @module
 */

import { eachLine, type LoadOrder, type SoakRecord } from "./records.ts";

const FOLDER = import.meta.dirname!;

/** A process of the soak's own. */
export class Child {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<void>;

  /**
   * @param entry The file to run, in this folder
   * @param args Its arguments
   * @param onRecord Called with each record
   */
  constructor(entry: string, args: readonly string[], onRecord: (record: SoakRecord) => void) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-all", `${FOLDER}/${entry}`, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#read = eachLine(this.#child.stdout, (line) => onRecord(parse(line)));
  }

  /** Sends it an order. */
  async order(order: LoadOrder): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It is gone.
    }
    await this.#over();
  }

  /** Lets it say the rest, and end. */
  async end(): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#over();
  }

  async #over(): Promise<void> {
    await this.#child.status;
    await this.#read.catch(() => {});
    await this.#stdin.close().catch(() => {});
  }
}

/** A process that is killed may leave half a line. */
function parse(line: string): SoakRecord {
  try {
    return JSON.parse(line);
  } catch {
    return { from: "failed", kind: "process", error: `said ${line.slice(0, 200)}` };
  }
}

/** A condition that did not come true in time. */
export class LateError extends Error {
  override readonly name = "LateError";
}

/**
 * Waits until a condition holds.
 *
 * @param condition Checked every 20 ms
 * @param what What is waited for
 * @param timeoutMs How long
 * @throws {LateError} if it does not become true in time
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 20_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!await condition()) {
    if (performance.now() > end) throw new LateError(`Waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
