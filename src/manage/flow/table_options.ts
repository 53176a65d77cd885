/**
 * What a table of flows needs from outside.
 *
 * @module
 */

import type { DropReason } from "../../observe/metrics/counters.ts";
import type { Flow, FlowLimits, MemoryBudget } from "./flow.ts";

/** What a newcomer may lack that the end of another flow gives. */
export type Shortage = "limit_flows" | "no_descriptors";

/**
 * Reports whether a newcomer was refused for something that the end of another flow gives.
 *
 * @param reason Why it was refused
 * @returns Whether making room helps
 */
export function isShortage(reason: DropReason): reason is Shortage {
  return reason === "limit_flows" || reason === "no_descriptors";
}

/** What a table needs from outside; none of these functions may throw or, but for one, call the table. */
export interface FlowTableOptions<D> {
  /** What the flows may take. */
  readonly limits: FlowLimits;
  /** Memory for held datagrams, shared with whatever else holds bytes. */
  readonly budget: MemoryBudget<D>;
  /** Counts dropped datagrams; may count what others drop as well. */
  readonly drops: Record<DropReason, number>;
  /** Makes the id of a new flow. */
  readonly newId: () => string;
  /** Makes what the shell attaches to a new flow. */
  readonly newData: (flow: Flow<D>) => D;
  /** Asked once per new flow: a drop reason refuses it, `undefined` admits it. */
  readonly admit: (host: string, port: number) => DropReason | undefined;
  /**
   * Asked if there is no room for a new flow: may end another one, in this table (see
   * `FlowTable.oldestUnanswered`) or elsewhere. Newcomers are refused unless it is given.
   *
   * @returns Whether it has ended one, so that asking for admission again makes sense
   */
  readonly makeRoom?: (shortage: Shortage, host: string) => boolean;
  /** Called exactly once for every admitted flow, when it closes. */
  readonly release: (flow: Flow<D>) => void;
}
