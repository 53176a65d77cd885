/**
 * Runs shunt as a separate process, as users do: configuration from a file, addresses from the ready file,
 * events from the log. Knows the command line and nothing of shunt's inside.
 *
 * @module
 */

import { dirname } from "node:path";
import { assertEquals } from "@std/assert";
import { TEST_IO, until } from "./_shunt.ts";

const MAIN = `${import.meta.dirname}/../../main.ts`;

/** One line of shunt's JSON log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** What the ready file says. */
export interface Ready {
  readonly pid: number;
  readonly admin: string | null;
  readonly listeners: Readonly<
    Record<string, { readonly tcp: readonly string[]; readonly udp: readonly string[] }>
  >;
}

/** What a command of shunt's came to. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Starts shunt from its source, or the file that `SHUNT_BIN` names: a binary, or the bundle, whose first
 * line runs the Deno that it finds, which is this one.
 *
 * @param args The command line after the program's name
 * @param options A command that runs the one after it, and more environment
 * @returns The process, with its standard streams piped
 */
export function spawnShunt(
  args: readonly string[],
  { under = [], env = {} }: Pick<RunOptions, "under" | "env"> = {},
): Deno.ChildProcess {
  const binary = Deno.env.get("SHUNT_BIN");
  const allow = ["net", "read", "write", "env", "ffi"].map((what) => `--allow-${what}`);
  const run = binary === undefined
    ? [Deno.execPath(), "run", "--no-prompt", ...allow, MAIN]
    : [binary];
  const [program, ...rest] = [...under, ...run, ...args];
  return new Deno.Command(program!, {
    args: rest,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: {
      NO_COLOR: "1",
      PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH") ?? ""}`,
      ...env,
    },
  }).spawn();
}

/**
 * Runs a command of shunt and waits for its end.
 *
 * @param args The command line after the program's name
 * @returns Its exit code and output
 */
export async function shunt(...args: readonly string[]): Promise<Outcome> {
  return await shuntWithInput("", ...args);
}

/**
 * Runs a command of shunt with standard input, and waits for its end.
 *
 * @param input Its standard input
 * @param args The command line after the program's name
 * @returns Its exit code and output
 */
export async function shuntWithInput(
  input: string | Uint8Array<ArrayBuffer>,
  ...args: readonly string[]
): Promise<Outcome> {
  const child = spawnShunt(args);
  // A command that reads nothing may end before all is written.
  const typed = new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await typed;
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** What a process wrote, line by line. */
class Output {
  readonly lines: string[] = [];
  readonly log: LogLine[] = [];
  readonly access: LogLine[] = [];

  /** Collects lines. Text after the last line feed counts as a line. */
  async collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      parts.forEach((line) => this.#add(line));
    }
    if (rest !== "") this.#add(rest);
  }

  #add(line: string): void {
    this.lines.push(line);
    if (!line.startsWith("{")) return;
    const parsed: LogLine = JSON.parse(line);
    this.log.push(parsed);
    if (parsed.logger === "shunt.access") this.access.push(parsed);
  }
}

/** A running `shunt run`. */
export class ShuntProcess {
  readonly ready: Ready;
  readonly pid: number;
  readonly readyFile: string;
  /** All lines that it wrote so far. */
  readonly lines: readonly string[];
  /** The lines of its log so far. */
  readonly log: readonly LogLine[];
  /** The access lines so far. */
  readonly access: readonly LogLine[];
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;

  /**
   * @param child The process
   * @param readyFile Where its ready file is
   * @param output Where its lines are collected
   * @param parts What its ready file says, and what settles once all its lines have been read
   */
  constructor(
    child: Deno.ChildProcess,
    readyFile: string,
    output: Output,
    { ready, read }: { readonly ready: Ready; readonly read: Promise<unknown> },
  ) {
    this.#child = child;
    this.ready = ready;
    this.readyFile = readyFile;
    this.pid = child.pid;
    this.lines = output.lines;
    this.log = output.log;
    this.access = output.access;
    this.#read = read;
  }

  /**
   * The port that a listener is bound to; TCP and UDP have the same.
   *
   * @param listener The listener's name
   * @returns The number
   */
  port(listener = "edge"): number {
    const bound = this.ready.listeners[listener];
    const address = bound?.tcp[0] ?? bound?.udp[0];
    if (address === undefined) throw new Error(`Listener "${listener}" is not bound`);
    return Number(address.slice(address.lastIndexOf(":") + 1));
  }

  /**
   * Waits for an access line.
   *
   * @param expected Fields that it must have
   * @returns The first such line
   */
  async ended(expected: LogLine): Promise<LogLine> {
    const find = () =>
      this.access.find((line) =>
        Object.entries(expected).every(([key, value]) => line[key] === value)
      );
    await until(() => find() !== undefined, `an access line with ${JSON.stringify(expected)}`);
    return find()!;
  }

  /**
   * Waits for a line of its log.
   *
   * @param message Its message
   */
  async says(message: string): Promise<void> {
    await until(() => this.log.some((line) => line.message === message), `"${message}" in the log`);
  }

  /**
   * Sends a signal.
   *
   * @param signal Which
   */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /**
   * Waits for its end.
   *
   * @returns The exit code
   */
  async exited(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#read;
    return code;
  }

  /** Stops it with SIGTERM; it must end cleanly, whatever the test did to it. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    assertEquals(await this.exited(), 0, "exit code after SIGTERM");
  }
}

/** Milliseconds after which a test that waits for something that never comes has failed. */
const TEST_MS = 60_000;

/** How to run shunt. */
export interface RunOptions {
  /** More of the command line. */
  readonly args?: readonly string[];
  /** Whether the test ends the process itself, and looks at its exit code. */
  readonly ends?: boolean;
  /** Milliseconds that the test may take, if a minute is too little. */
  readonly mostMs?: number;
  /** A command that runs shunt, such as `prlimit` with its options. */
  readonly under?: readonly string[];
  /** More environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the test looks at its errors itself. */
  readonly mayLogErrors?: boolean;
}

/**
 * Runs shunt while a test does something with it, and stops it. Where the test fails, what shunt
 * wrote goes to standard error.
 *
 * @param yaml The configuration's text, without `log`
 * @param test What to do meanwhile
 * @param options How to run it
 */
export async function withShunt(
  yaml: string,
  test: (shunt: ShuntProcess) => Promise<void>,
  options: RunOptions = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "shunt-" });
  const config = `${folder}/config.yaml`;
  const readyFile = `${folder}/ready.json`;
  await Deno.writeTextFile(config, `${yaml}\nlog: { format: json }\n`);
  // Tests run at the same time as others and as other programs, so there is no fixed port.
  const admin = yaml.includes("\nadmin:") ? [] : ["--set", "admin=null"];
  // Tests count access lines.
  const all = ["--set", "log.access_rate=0/s"];
  const io = ["--set", `io=${TEST_IO}`, ...admin, ...all];
  const args = ["run", "-c", config, "--ready-file", readyFile, ...io, ...options.args ?? []];
  const child = spawnShunt(args, options);
  await child.stdin.close();
  const output = new Output();
  const read = Promise.all([output.collect(child.stdout), output.collect(child.stderr)]);
  let over = false;
  const status = child.status.then(() => over = true);
  try {
    const ready = await untilReady(readyFile, () => over);
    const shunt = new ShuntProcess(child, readyFile, output, { ready, read });
    await inTime(test(shunt), options.mostMs ?? TEST_MS);
    if (options.ends !== true) await shunt.stop();
    const bugs = shunt.log.filter(({ level, reason }) =>
      (level === "ERROR" && options.mayLogErrors !== true) || reason === "internal_error"
    );
    assertEquals(bugs, [], "errors in shunt's log");
  } catch (error) {
    await Deno.stderr.write(
      new TextEncoder().encode(`--- what shunt wrote ---\n${output.lines.join("\n")}\n---\n`),
    );
    throw error;
  } finally {
    if (!over) child.kill("SIGKILL");
    await status;
    await read;
    await Deno.remove(folder, { recursive: true });
  }
}

async function inTime(test: Promise<void>, mostMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The test took over ${mostMs} ms`)), mostMs);
  });
  try {
    await Promise.race([test, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function untilReady(path: string, over: () => boolean): Promise<Ready> {
  let text = "";
  await until(
    async () => {
      if (over()) throw new Error("shunt ended before it was ready");
      text = await Deno.readTextFile(path).catch(() => "");
      return text !== "";
    },
    "shunt's ready file",
    30_000,
  );
  return JSON.parse(text);
}
