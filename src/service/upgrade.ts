/**
 * Takes over from a running shunt: finds it, and makes it hand over. Knows its admin address, never its
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

/** Milliseconds between looks at whether the process is gone. */
const LOOK_MS = 500;
/** Milliseconds that it may take beyond its `drain_timeout`. */
const LATE_MS = 5000;
const ConfigSchema = z.object({ drain_timeout: z.number() });

/** A running shunt that this one takes over from. */
export interface Predecessor {
  readonly pid: number;
  /** Its data-plane threads: as many of the sockets that share an address are its own. */
  readonly workers: number;
  /** What its listeners are bound to. */
  readonly addresses: BoundAddresses;
  /** Makes it take nothing new, free its admin address, and end once its sessions and flows have ended. */
  handOver(): Promise<void>;
  /**
   * Waits until it has ended.
   *
   * @param signal Gives up waiting
   */
  ended(signal: AbortSignal): Promise<void>;
}

/**
 * Finds the shunt at the configuration's admin address, and makes sure that it would hand over.
 *
 * @param config The configuration's admin part
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
    // Once its addresses are shared, clients come here that a refusal would cut off.
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
          // It has ended meanwhile, so its addresses are free for this one.
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
  // The number of a process in another container means nothing here, or belongs to another process.
  const visible = pid !== Deno.pid && await isThere(pid);
  while (!signal.aborted && performance.now() < end && !(visible && !await isThere(pid))) {
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}
