/**
 * One active check of one target, by sockets of its own: connect, TLS handshake or HTTP status. Knows
 * no schedule and draws no conclusion.
 *
 * @module
 */

import { Attempt } from "../../io/attempt.ts";
import { denoIo } from "../../io/deno.ts";
import type { Stream, StreamAddress } from "../../io/mod.ts";
import { messageOf } from "../../errors.ts";
import { formatAddress, isIpLiteral, type TargetAddress } from "../../wire/address.ts";
import type { NameResolver } from "../../resolve/dns.ts";
import type { HealthConfig } from "./health.ts";
import { tlsHandshake } from "./probe_tls.ts";

/** What became of a check. */
export type ProbeOutcome =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly why: string }
  /** It could not be made, which says nothing of the target. */
  | {
    readonly kind: "hindered";
    readonly by: "permission" | "descriptors" | "load";
    readonly why: string;
  };

/** A target that can be checked. */
export type ProbeAddress = Exclude<TargetAddress, { readonly kind: "builtin" }>;

/** What a check needs. */
export interface ProbeOptions extends Pick<HealthConfig, "probe" | "timeout"> {
  /** Tells the addresses of names. */
  readonly resolver: NameResolver;
  /** Goes to the target first: the PROXY header of a connection that is shunt's own, or nothing. */
  readonly header?: Uint8Array;
  /** Gives the check up; what it answers then is of no use. */
  readonly signal: AbortSignal;
}

/**
 * Checks a target.
 *
 * @param address Where the target lives
 * @param options How to check it
 * @returns What became of it, within the timeout; never rejects
 */
export type Probe = (address: ProbeAddress, options: ProbeOptions) => Promise<ProbeOutcome>;

const NO_HEADER = new Uint8Array();
/** Milliseconds at most between attempts on the addresses of one name (RFC 8305 §5). */
const ATTEMPT_DELAY_MS = 250;
/** A timer that is later than this tells of shunt's own load, or of a machine that was suspended. */
const LATE_MS = 250;
/** A reason phrase may have any length, and nothing after the status is needed. */
const STATUS = /^HTTP\/1\.[01] ([0-9]{3})(?=[ \r\n])/;
/** Bytes that show it: `HTTP/1.1 200` and what ends the number. */
const STATUS_BYTES = 13;

/** Checks by Deno's sockets, whatever sockets carry the data. */
export const probeTarget: Probe = async (address, options) => {
  const { timeout, signal } = options;
  const started = performance.now();
  const controller = new AbortController();
  const stop = () => controller.abort(new Error("given up"));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeout);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    await orAbort(probe(address, options, controller.signal), controller.signal);
    return { kind: "ok" };
  } catch (error) {
    if (!timedOut) return judge(error);
    return performance.now() - started > timeout + LATE_MS
      ? { kind: "hindered", by: "load", why: "shunt was too busy to see an answer in time" }
      : { kind: "failed", why: `no answer within ${timeout} ms` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    stop();
  }
};

function judge(error: unknown): ProbeOutcome {
  const why = messageOf(error);
  if (error instanceof Deno.errors.NotCapable) return { kind: "hindered", by: "permission", why };
  switch (denoIo.classify(error)) {
    case "no_descriptors":
      return { kind: "hindered", by: "descriptors", why };
    case "refused":
      return { kind: "failed", why: "connection refused" };
    case "reset":
      return { kind: "failed", why: "connection reset" };
    case "unreachable":
    case "host_unreachable":
      return { kind: "failed", why: "address unreachable" };
    default:
      return { kind: "failed", why };
  }
}

async function probe(
  address: ProbeAddress,
  { probe, resolver, timeout, header = NO_HEADER }: ProbeOptions,
  signal: AbortSignal,
): Promise<void> {
  if (address.kind === "unix") return await probeAddress(address, { probe, header, signal });
  const { host, port } = address;
  const { list } = isIpLiteral(host) ? { list: [host] } : await resolver.resolve(host);
  const attempt = (ip: string, signal: AbortSignal) =>
    probeAddress({ kind: "inet", host: ip, port }, { probe, header, host, signal });
  // However many the addresses are, the last one still has half of the time to answer.
  const delay = Math.min(ATTEMPT_DELAY_MS, timeout / 2 / list.length);
  await anyOf(list, attempt, { delay, signal });
}

interface AttemptOptions extends Pick<HealthConfig, "probe"> {
  /** The target's name; a Unix socket has none. */
  readonly host?: string;
  readonly header: Uint8Array;
  readonly signal: AbortSignal;
}

async function probeAddress(address: StreamAddress, options: AttemptOptions): Promise<void> {
  const { probe, header, host, signal } = options;
  if (probe === "tls") return await tlsHandshake(address, { header, host, signal });
  const attempt = new Attempt();
  const giveUp = () => attempt.giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  let stream: Stream;
  try {
    signal.throwIfAborted();
    stream = await denoIo.connect(address, attempt);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  const close = () => stream.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    signal.throwIfAborted();
    // A target that expects a header of all traffic may refuse a check that sends none.
    await writeAll(stream, header);
    if (probe === "tcp") return;
    const port = address.kind === "inet" ? address.port : 80;
    await getStatus(stream, port === 80 ? host ?? "localhost" : formatAddress(host ?? "", port));
  } finally {
    signal.removeEventListener("abort", close);
    stream.close();
  }
}

async function writeAll(stream: Stream, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await stream.write(bytes.subarray(sent));
}

async function getStatus(stream: Stream, host: string): Promise<void> {
  const request = new TextEncoder().encode(
    `GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: shunt\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
  );
  await writeAll(stream, request);
  const bytes = new Uint8Array(STATUS_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const read = await stream.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  if (length === 0) throw new Error("closed without an answer");
  const status = STATUS.exec(new TextDecoder().decode(bytes.subarray(0, length)))?.[1];
  if (status === undefined) throw new Error("the answer is not HTTP/1");
  if (status < "200" || status > "399") throw new Error(`status ${status}`);
}

/** Rejects as soon as the signal says so; what loses the race closes its sockets by the signal. */
function orAbort(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    work.then(resolve, reject);
  });
}

/** Tries addresses until one passes, the next one early where one is slow. */
function anyOf(
  list: readonly string[],
  attempt: (address: string, signal: AbortSignal) => Promise<void>,
  { delay, signal }: { readonly delay: number; readonly signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let running = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const start = () => {
      clearTimeout(timer);
      const address = list[next++];
      if (address === undefined || signal.aborted) return;
      running++;
      attempt(address, signal).then(resolve, (error: unknown) => {
        running--;
        if (next < list.length && !signal.aborted) start();
        else if (running === 0) reject(error);
      });
      if (next < list.length) timer = setTimeout(start, delay);
    };
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    start();
  });
}
