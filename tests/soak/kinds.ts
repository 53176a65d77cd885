/**
 * THE TABLE of clients: each kind, where it connects and how it must end. Knows no socket.
 *
 * @module
 */

import type { CloseReason } from "../../src/observe/reasons.ts";

/** One kind of client. */
export interface Kind {
  readonly listener: string;
  readonly transport: "tcp" | "udp";
  /**
   * `order`: every byte arrives and is counted, on both sides and in the log; `fault`: it breaks, and no
   * more arrives than was sent; `refused`: no target gets it; `builtin`: like `order`, with a target in
   * shunt itself.
   */
  readonly ends: "order" | "fault" | "refused" | "builtin";
  /** The reasons that the log may give. */
  readonly reasons: readonly CloseReason[];
  /** How many of all are of this kind, in parts. */
  readonly weight: number;
  /** Whether its targets are killed now and then, which excuses those that were there. */
  readonly shaky?: true;
  readonly does: string;
}

const tcp = (listener: string, weight: number, does: string): Kind => ({
  ...{ listener, weight, does, transport: "tcp", ends: "order", reasons: ["done"] },
});

const FLOW_ENDS = ["idle_timeout", "target_gone", "drained"] as const;

const udp = (listener: string, weight: number, does: string): Kind => ({
  ...{ listener, weight, does, transport: "udp", ends: "order", reasons: FLOW_ENDS },
});

/** Every kind. */
export const KINDS: Readonly<Record<string, Kind>> = {
  echo: tcp("edge", 18, "raw echo, ended by a half-close"),
  down: tcp("edge", 4, "a download of up to 8 MiB"),
  up: tcp("edge", 4, "an upload of up to 8 MiB"),
  pause: tcp("edge", 1, "an upload to a target that stops reading for 1.5 s"),
  slow_up: tcp("edge", 2, "a client that sends a few bytes at a time"),
  slow_down: tcp("edge", 2, "a client that reads a download slowly"),
  tls: tcp("edge", 14, "a TLS handshake with SNI, then echo"),
  http_new: tcp("edge", 14, "one HTTP request on a connection of its own"),
  http_kept: tcp("edge", 6, "up to 20 HTTP requests on one connection"),
  ssh: tcp("edge", 6, "an SSH client that speaks first"),
  silent: tcp("quiet", 1, "an SSH client that waits for the banner"),
  banner: tcp("first", 6, "a server that speaks first, on a listener without detection"),
  retry: tcp("retry", 6, "echo by an upstream of which one target is dead"),
  flaky: {
    ...tcp("flaky", 8, "a dialogue with targets that are killed and restarted"),
    shaky: true,
  },
  vanish: {
    ...tcp("edge", 4, "a client that goes away in the middle of a download"),
    ends: "fault",
    reasons: ["client_reset", "done"],
  },
  reset: {
    ...tcp("faulty", 3, "a target that resets in the middle"),
    ends: "fault",
    reasons: ["target_reset"],
  },
  stuck: {
    ...tcp("stuck", 1, "a target that never reads, and a client that gives up"),
    ends: "fault",
    reasons: ["target_reset", "done", "client_reset"],
  },
  knock: {
    ...tcp("edge", 3, "a client that connects and says nothing"),
    ends: "refused",
    reasons: ["client_closed"],
  },
  garbage: {
    ...tcp("strict", 4, "noise, where no route takes it"),
    ends: "refused",
    reasons: ["no_route", "unreadable", "client_closed", "client_reset"],
  },
  worst_hello: {
    ...tcp("edge", 3, "a hello of 60 KB that is routed, and stays for a while"),
    ends: "builtin",
  },
  dead: {
    ...tcp("dead", 2, "an upstream whose targets are all dead"),
    ends: "refused",
    reasons: ["connect_refused", "no_target"],
  },
  held: tcp("first", 0, "a dialogue that SIGTERM finds running"),
  flow: udp("datagrams", 6, "a UDP flow"),
  tunnel: udp("edge", 3, "a UDP flow that looks like WireGuard"),
  moving: udp("moving", 3, "a UDP flow whose targets change at reloads"),
  shaky: {
    ...udp("shaky", 3, "a UDP flow to targets that are killed and restarted"),
    reasons: [...FLOW_ENDS, "target_reset"],
    shaky: true,
  },
};
