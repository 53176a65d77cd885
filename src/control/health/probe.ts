/**
 * Makes one active check of one target, with sockets of its own: connect, TLS handshake or HTTP status. Knows
 * no schedule and draws no conclusion.
 *
 * @module
 */

import { Attempt, unlessGivenUp } from "../../io/attempt.ts";
import { denoIo } from "../../io/deno.ts";
import type { Stream, StreamAddress } from "../../io/mod.ts";
import { ATTEMPT_DELAY_MS, race } from "../../io/race.ts";
import { messageOf } from "../../errors.ts";
import { formatAddress, isIpLiteral, type TargetAddress } from "../../wire/address.ts";
import type { NameResolver } from "../../resolve/dns.ts";
import type { HealthConfig } from "./health.ts";
import { tlsHandshake } from "./probe_tls.ts";
import { NO_BYTES } from "../../wire/bytes.ts";

/** The outcome of a check. */
export type ProbeOutcome =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly why: string }
  /** It could not be made, which says nothing about the target. */
  | {
    readonly kind: "hindered";
    readonly by: "permission" | "descriptors" | "load";
    readonly why: string;
  };

/** A target that can be checked. */
export type ProbeAddress = Exclude<TargetAddress, { readonly kind: "builtin" }>;

/** What a check needs. */
export interface ProbeOptions extends Pick<HealthConfig, "probe" | "timeout"> {
  /** Resolves names. */
  readonly resolver: NameResolver;
  /** Sent to the target first: the PROXY header of shunt's own connections, or nothing. */
  readonly header?: Uint8Array;
  /** Gives the check up; its outcome is of no use then. */
  readonly signal: AbortSignal;
}

/** Checks a target. The promise resolves within the timeout, and never rejects. */
export type Probe = (address: ProbeAddress, options: ProbeOptions) => Promise<ProbeOutcome>;

/** A timer that is later than this means that shunt is overloaded, or that the machine was suspended. */
const LATE_MS = 250;
/** A reason phrase may have any length, and nothing after the status is needed. */
const STATUS = /^HTTP\/1\.[01] ([0-9]{3})(?=[ \r\n])/;
/** Bytes that show it: `HTTP/1.1 200` and the byte after the number. */
const STATUS_BYTES = 13;

/** Checks with Deno's sockets, whatever sockets carry the data. */
export const probeTarget: Probe = async (address, options) => {
  const { timeout, signal } = options;
  const started = performance.now();
  const attempt = new Attempt();
  const stop = () => attempt.giveUp();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeout);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    await probe(address, options, attempt);
    return { kind: "ok" };
  } catch (error) {
    if (!timedOut) return judge(error);
    return performance.now() - started > timeout + LATE_MS
      ? { kind: "hindered", by: "load", why: "shunt was too busy to see an answer in time" }
      : { kind: "failed", why: `no answer within ${timeout} ms` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
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
  { probe, resolver, timeout, header = NO_BYTES }: ProbeOptions,
  attempt: Attempt,
): Promise<void> {
  if (address.kind === "unix") return await probeAddress(address, { probe, header, attempt });
  const { host, port } = address;
  const found = isIpLiteral(host) ? { list: [host] } : resolver.resolve(host);
  const { list } = found instanceof Promise ? await unlessGivenUp(found, attempt) : found;
  await race(list, {
    start: (ip, attempt) =>
      probeAddress({ kind: "inet", host: ip, port }, { probe, header, host, attempt }),
    onLate: () => {},
    attempt,
    // With any number of addresses, the last one still has half of the time to answer.
    delay: Math.min(ATTEMPT_DELAY_MS, timeout / 2 / list.length),
  });
}

interface AddressOptions extends Pick<HealthConfig, "probe"> {
  /** The target's name; a Unix socket has none. */
  readonly host?: string;
  readonly header: Uint8Array;
  readonly attempt: Attempt;
}

async function probeAddress(address: StreamAddress, options: AddressOptions): Promise<void> {
  const { probe, header, host, attempt } = options;
  if (probe === "tls") return await tlsHandshake(address, { header, host, attempt });
  const stream = await denoIo.connect(address, attempt);
  const ask = async () => {
    // A target that expects a header may refuse a check that sends none.
    await writeAll(stream, header);
    if (probe === "tcp") return;
    const port = address.kind === "inet" ? address.port : 80;
    await getStatus(stream, port === 80 ? host ?? "localhost" : formatAddress(host ?? "", port));
  };
  try {
    await unlessGivenUp(ask(), attempt);
  } finally {
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
