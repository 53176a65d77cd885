/**
 * The definition of a participant: how it is started and where it listens. Knows no product.
 *
 * @module
 */

import type { BackendPorts } from "./backend.ts";
import { type Child, delay, start, stop } from "./children.ts";
import { KEPT_REQUEST, RESPONSE } from "./load/messages.ts";

/** Where a participant listens for each job; they may be the same. */
export interface Ports {
  /** TCP, relayed to the backend of requests. */
  readonly requests: number;
  /** TCP, relayed to the backend of streams. */
  readonly bulk: number;
  /** TCP, routed by server name; undefined if the participant does not route. */
  readonly tls?: number;
  /** UDP, relayed to the echo; undefined if the participant has no UDP. */
  readonly udp?: number;
}

/** The environment of a participant. */
export interface Setting {
  /** A folder of its own. */
  readonly folder: string;
  /** The backends to relay to. */
  readonly backend: BackendPorts;
  /** Threads or processes that carry data. */
  readonly workers: number;
  /** How many descriptors each may open. */
  readonly descriptors: number;
}

/** How to start a participant. */
export interface Setup {
  /** Program and arguments; undefined for the backends themselves. */
  readonly command?: readonly string[];
  /** Where it will listen. */
  readonly ports: Ports;
}

/** One line of the table of participants. */
export interface Participant {
  /** Its name in the report. */
  readonly name: string;
  /** Ours, one to compare with, or the backends without a proxy. */
  readonly kind: "shunt" | "peer" | "direct";
  /** Whether it logs each session. */
  readonly logs: boolean;
  /** Whether each session has a process of its own, whose CPU time is not counted. */
  readonly forks?: boolean;
  /** Measurements that it does not take part in, and why; empty if the reason is obvious. */
  readonly cannot?: Readonly<Record<string, string>>;
  /** Writes its configuration. */
  setUp(setting: Setting): Setup;
}

/** Longest time from start to the first answer. */
const START_TIMEOUT = 15_000;

/** A participant that runs. */
export class Instance {
  readonly ports: Ports;
  /** Whether its CPU time can be read. */
  readonly countsCpu: boolean;
  readonly #child: Child | undefined;
  readonly #output: string;

  private constructor(
    ports: Ports,
    child: Child | undefined,
    { output, forks = false }: { readonly output: string; readonly forks?: boolean | undefined },
  ) {
    this.ports = ports;
    this.countsCpu = child !== undefined && !forks;
    this.#child = child;
    this.#output = output;
  }

  /**
   * Starts a participant and waits until it relays a request.
   *
   * @param participant Which
   * @param setting With what
   * @returns The instance, and the milliseconds that took
   * @throws {Error} If it ends or does not answer; the message has what it said
   */
  static async start(
    participant: Participant,
    setting: Setting,
  ): Promise<{ readonly instance: Instance; readonly ms: number }> {
    await Deno.mkdir(setting.folder, { recursive: true });
    const { command, ports } = participant.setUp(setting);
    const output = `${setting.folder}/output.log`;
    if (command === undefined) {
      return { instance: new Instance(ports, undefined, { output }), ms: 0 };
    }
    const begin = performance.now();
    const child = start(command, { output, cwd: setting.folder });
    const instance = new Instance(ports, child, { output, forks: participant.forks });
    while (!await answers(ports.requests)) {
      const late = performance.now() - begin > START_TIMEOUT;
      if (child.ended === undefined && !late) {
        await delay(1);
        continue;
      }
      await stop(child);
      throw new StartError(`${late ? "No answer in 15 s" : "It ended"}: ${instance.said()}`, child);
    }
    return { instance, ms: performance.now() - begin };
  }

  /** Its first process; undefined for the backends themselves. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether it still runs. */
  get runs(): boolean {
    return this.#child === undefined || this.#child.ended === undefined;
  }

  /** Returns the end of its output, to explain a failure. */
  said(): string {
    try {
      return Deno.readTextFileSync(this.#output).trim().slice(-400);
    } catch {
      return "";
    }
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.#child !== undefined) await stop(this.#child);
  }
}

/** A participant did not start. */
export class StartError extends Error {
  override readonly name = "StartError";
  /** Its exit code; undefined if it was killed for being late. */
  readonly code: number | undefined;

  /**
   * @param message What happened and what it said
   * @param child The process
   */
  constructor(message: string, child: Child) {
    super(message);
    this.code = child.ended?.code;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(KEPT_REQUEST);
    return await connection.read(new Uint8Array(1024)) === RESPONSE.length;
  } catch {
    return false;
  }
}
