/**
 * shunt as a process: from its source, or the binary that the environment names in `SHUNT_BIN`. Knows
 * its command line, its log and its admin address.
 *
 * @module
 */

import { until } from "./child.ts";
import { eachLine } from "./records.ts";

const MAIN = `${import.meta.dirname}/../../main.ts`;

/** A line of its log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** An access line, as far as it counts here. */
export interface AccessLine {
  readonly id: string;
  readonly transport: "tcp" | "udp";
  readonly listener: string;
  readonly source: string;
  readonly protocol?: string;
  readonly sni?: string;
  readonly host?: string;
  readonly upstream?: string;
  readonly target?: string;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly detect_ms?: number;
  readonly duration_ms: number;
  readonly reason: string;
}

/** What `GET /api/status` says, as far as it counts here. */
export interface Status {
  readonly io: string;
  readonly workers: number;
  readonly active: {
    readonly sessions: number;
    readonly flows: number;
    readonly detect_memory_bytes: number;
  };
}

interface Ready {
  readonly admin: string;
  readonly listeners: Readonly<Record<string, { readonly tcp: string[]; readonly udp: string[] }>>;
}

/** What is called with shunt's output. */
export interface Listeners {
  readonly onAccess: (line: AccessLine) => void;
  readonly onLog: (line: LogLine) => void;
  /** Called with lines that are no JSON. */
  readonly onOther: (line: string) => void;
}

/** A running shunt. */
export class Shunt {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  #ready: Ready | undefined;
  #over = false;
  /** Its output that is no JSON: the reason if it does not start. */
  readonly #said: string[] = [];

  private constructor(child: Deno.ChildProcess, listeners: Listeners) {
    this.#child = child;
    this.pid = child.pid;
    child.status.then(() => this.#over = true);
    this.#read = Promise.all([
      eachLine(child.stdout, () => {}),
      eachLine(child.stderr, (line) => {
        if (!line.startsWith("{") && this.#said.length < 50) this.#said.push(line);
        hear(line, listeners);
      }),
    ]);
  }

  /**
   * Starts it and waits until it is ready.
   *
   * @param config Its configuration
   * @param args More of the command line
   * @param listeners What is called with its output
   */
  static async start(config: string, args: readonly string[], listeners: Listeners) {
    const binary = Deno.env.get("SHUNT_BIN");
    const allow = ["net", "read", "write", "env", "ffi"].map((what) => `--allow-${what}`);
    const source = ["run", "--no-prompt", ...allow, MAIN];
    const readyFile = `${config}.ready`;
    const child = new Deno.Command(binary ?? Deno.execPath(), {
      args: [
        ...binary === undefined ? source : [],
        ...["run", "-c", config, "--ready-file", readyFile, ...args],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    const shunt = new Shunt(child, listeners);
    await until(
      async () => {
        if (shunt.#over) {
          await shunt.#read;
          throw new Error(`shunt ended before it was ready: ${shunt.#said.join("\n")}`);
        }
        const text = await Deno.readTextFile(readyFile).catch(() => "");
        if (text !== "") shunt.#ready = JSON.parse(text);
        return text !== "";
      },
      "shunt to be ready",
      60_000,
    );
    return shunt;
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#over;
  }

  /** The port of each listener. */
  ports(): Record<string, number> {
    const entries = Object.entries(this.#ready?.listeners ?? {}).map(([name, { tcp, udp }]) => {
      const address = tcp[0] ?? udp[0] ?? "";
      return [name, Number(address.slice(address.lastIndexOf(":") + 1))];
    });
    return Object.fromEntries(entries);
  }

  /** The port of its admin address. */
  adminPort(): number {
    const admin = this.#ready?.admin ?? "";
    return Number(admin.slice(admin.lastIndexOf(":") + 1));
  }

  /** Asks its admin address. */
  async admin(method: string, path: string, body?: unknown): Promise<[number, unknown]> {
    const answer = await fetch(`http://${this.#ready?.admin}${path}`, {
      method,
      headers: { "Content-Type": "application/json" },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    return [answer.status, await answer.json()];
  }

  /** Whether it says that it lives. */
  async isHealthy(): Promise<boolean> {
    const answer = await fetch(`http://${this.#ready?.admin}/healthz`);
    return await answer.text() === "ok\n" && answer.status === 200;
  }

  /** What runs. */
  async status(): Promise<Status> {
    const [, status] = await this.admin("GET", "/api/status");
    return status as Status;
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end and its last line. */
  async exited(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#read;
    return code;
  }

  /** Ends it, however it is. */
  async kill(): Promise<void> {
    if (!this.#over) this.#child.kill("SIGKILL");
    await this.exited();
  }
}

function hear(line: string, { onAccess, onLog, onOther }: Listeners): void {
  if (!line.startsWith("{")) return onOther(line);
  const parsed: LogLine = JSON.parse(line);
  if (parsed.logger === "shunt.access") onAccess(parsed as unknown as AccessLine);
  else onLog(parsed);
}

/** Crockford's digits, in which the first ten characters of an id are its time. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * Returns when a session or flow began, in milliseconds since 1970.
 *
 * @param id Its id
 */
export function startOf(id: string): number {
  let time = 0;
  for (const digit of id.slice(0, 10)) time = time * 32 + DIGITS.indexOf(digit);
  return time;
}
