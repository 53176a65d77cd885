/**
 * Takes over from a running shunt: finds it, and makes it hand over. Knows its admin address; never its
 * sockets.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { DrainingSchema, StatusSchema } from "../admin/answers.ts";
import type { AdminConfig } from "../config/check_admin.ts";
import { isThere } from "../io/process.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import { adminOf, expectBody, NobodyAnswers } from "./admin_client.ts";

/** Milliseconds between checks of whether the process has ended. */
const CHECK_MS = 500;
/** Milliseconds that it may take beyond its `drain_timeout`. */
const LATE_MS = 5000;
const ConfigSchema = z.object({ drain_timeout: z.number() });

/** A running shunt that this one takes over from. */
export interface Predecessor {
  readonly pid: number;
  /** The number of its data-plane threads, and so of its sockets among those that share an address. */
  readonly workers: number;
  /** The bound addresses of its listeners. */
  readonly addresses: BoundAddresses;
  /** Makes it take nothing new, free its admin address, and end once its sessions and flows have ended. */
  handOver(): Promise<void>;
  /** Waits until it has ended, or `signal` gives up. */
  ended(signal: AbortSignal): Promise<void>;
}

/**
 * Finds the shunt at the configuration's admin address, and makes sure that it would hand over.
 *
 * @param config The admin part of the configuration
 * @param file Its file, for messages
 * @returns The shunt, or `undefined` if nothing answers
 * @throws {InputError} if the configuration names no admin address
 * @throws {Error} if something other than shunt answers, or it refuses
 */
export async function findPredecessor(
  config: AdminConfig | null,
  file: string,
): Promise<Predecessor | undefined> {
  const admin = await adminOf(config, file);
  try {
    const status = expectBody(await admin.ask("GET", "/api/status"), StatusSchema);
    const { pid, workers } = status;
    // This is asked first: once the addresses are shared, clients come here, and a refusal would cut them off.
    expectBody(await admin.ask("POST", "/api/drain?handover=ask"), DrainingSchema);
    const { drain_timeout } = expectBody(await admin.ask("GET", "/api/config"), ConfigSchema);
    const listeners = Object.values(status.listeners);
    return {
      pid,
      workers,
      addresses: {
        tcp: listeners.flatMap(({ tcp }) => tcp),
        udp: listeners.flatMap(({ udp }) => udp),
      },
      async handOver() {
        let answer;
        try {
          answer = await admin.ask("POST", "/api/drain?handover=true");
        } catch (error) {
          // If it has ended meanwhile, its addresses are free.
          if (error instanceof NobodyAnswers || !await isThere(pid)) return;
          throw error;
        }
        expectBody(answer, DrainingSchema);
      },
      ended: (signal) => untilEnded(pid, drain_timeout + LATE_MS, signal),
    };
  } catch (error) {
    if (error instanceof NobodyAnswers) return undefined;
    throw error;
  }
}

async function untilEnded(pid: number, latest: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + latest;
  // The number of a process in another container means nothing here, or another process has it.
  const visible = pid !== Deno.pid && await isThere(pid);
  while (!signal.aborted && performance.now() < end && !(visible && !await isThere(pid))) {
    await delay(CHECK_MS, undefined, { signal }).catch(() => {});
  }
}
