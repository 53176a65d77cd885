/**
 * The data planes, as the control plane uses them: workers, or one plane in this thread.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { SocketShare } from "../io/mod.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import { Plane } from "../plane/plane.ts";
import { type SharedMemory, SharedView } from "../plane/shared.ts";
import type { Prepared } from "../prepared.ts";
import { inSlices } from "../slices.ts";

/** A configuration that all planes have ready. */
export type PreparedPlanes = Prepared<Promise<void>>;

/** All data planes of a process. */
export interface Planes extends Pick<Plane, "addresses" | "drain" | "close"> {
  /**
   * Binds the new addresses of a configuration. Nothing that runs changes.
   *
   * @param config A checked configuration, with the numbers of ports that are bound already
   * @param memory The memory for the configuration
   * @param own What this process has bound already. No other process may have bound the rest
   * @returns The prepared configuration. Once it is committed, new sessions and flows follow it
   * @throws {ShuntError} with code `bind_failed`; nothing new is left bound
   */
  prepare(config: Config, memory: SharedMemory, own: BoundAddresses): Promise<PreparedPlanes>;
  /** Lists the sessions or flows that a query asks for. */
  live(query: LiveQuery): readonly LiveRecord[] | Promise<readonly LiveRecord[]>;
  /**
   * Sends all new sessions and flows to some of the sockets that share the addresses.
   *
   * @param share The sockets; `undefined` gives each its share again
   * @returns Why it failed for some sockets, if it did
   */
  steer(share: SocketShare | undefined): string | undefined | Promise<string | undefined>;
}

/** A single plane in this thread. */
export class LocalPlane extends Plane implements Planes {
  async prepare(
    config: Config,
    memory: SharedMemory,
    own: BoundAddresses,
  ): Promise<PreparedPlanes> {
    const look = { exclusive: true, own };
    const steps = this.prepareInSteps(config, new SharedView(memory, 0), look);
    const prepared = await inSlices(steps, () => this.ending);
    return { commit: () => inSlices(prepared.commit()), abort: () => prepared.abort() };
  }
}
