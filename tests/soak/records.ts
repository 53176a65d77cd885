/**
 * The messages between the processes of a soak: one JSON object per line. Knows no process.
 *
 * @module
 */

import type { Sum } from "./tally.ts";

/** What a client has to say of one session or flow. */
export interface ClientRecord {
  readonly from: "client";
  readonly kind: string;
  readonly token: string;
  /** The client's address, as shunt sees it. */
  readonly source: string;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly sent: Sum;
  readonly received: Sum;
  /** Milliseconds that the slowest answer to a datagram took. */
  readonly slowest?: number;
  /** Why it did not end as it should; unset if it did. */
  readonly error?: string | undefined;
}

/** What a target has to say of one session, or of a part of one flow. */
export interface TargetRecord {
  readonly from: "target";
  readonly target: string;
  /** Unset if the client did not send it. */
  readonly token: string | undefined;
  readonly sent: Sum;
  readonly received: Sum;
}

/** A client that got no connection at all. */
export interface FailedRecord {
  readonly from: "failed";
  readonly kind: string;
  readonly error: string;
}

/** The ports of a target's process, by protocol. */
export interface TargetPorts {
  readonly raw: number;
  readonly tls: number;
  readonly http: number;
  readonly ssh: number;
  readonly reset: number;
  readonly udp: number;
}

/** A target's process is ready. */
export interface BoundRecord {
  readonly from: "bound";
  readonly ports: TargetPorts;
}

/** The load has completed its order. */
export interface DoneRecord {
  readonly from: "done";
  readonly what: "load" | "hold" | "finish";
}

/** How often the attackers did something. */
export interface AttackRecord {
  readonly from: "attack";
  readonly attack: string;
  readonly count: number;
}

/** Any of them. */
export type SoakRecord =
  | ClientRecord
  | TargetRecord
  | FailedRecord
  | BoundRecord
  | DoneRecord
  | AttackRecord;

/** What the attackers' process needs to know. */
export interface AttackPlan {
  readonly seed: number;
  /** Port of each listener, and of the admin address. */
  readonly ports: Readonly<Record<string, number>>;
}

/** An order to the load's process. */
export interface LoadOrder {
  readonly what: "load" | "hold" | "finish";
}

/** What the load's process needs to know. */
export interface LoadPlan {
  readonly seed: number;
  readonly seconds: number;
  /** Sessions and flows begun per second. */
  readonly rate: number;
  /** Port of each listener. */
  readonly ports: Readonly<Record<string, number>>;
  /** The file of the certificate to trust. */
  readonly authority: string;
}

const encoder = new TextEncoder();

/** Sends a record to the parent process. */
export function sendRecord(record: SoakRecord): void {
  const bytes = encoder.encode(`${JSON.stringify(record)}\n`);
  for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
}

/**
 * Splits a stream into lines.
 *
 * @param stream The stream
 * @param onLine Called with each line
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  }
  if (rest !== "") onLine(rest);
}

/** The name of an error, short enough to be counted by. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === "Error" ? error.message.split(/[:(]/)[0]!.trim() : error.name;
}
