/** Upstreams for tests: targets in short hand, everything else as the defaults are. */

import {
  type Balance,
  type TargetConfig,
  type UpstreamConfig,
  UpstreamSchema,
} from "../../../src/config/schema.ts";
import { Upstream, type UpstreamOptions } from "../../../src/resolve/upstream.ts";
import { parseTargetAddress } from "../../../src/wire/address.ts";

/** A target: its address, or that with weight and backup. */
export type Short = string | readonly [address: string, options: Partial<TargetConfig>];

function target(short: Short): TargetConfig {
  const [text, options] = typeof short === "string" ? [short, {}] : short;
  const address = parseTargetAddress(text);
  if (typeof address === "string") throw new Error(address);
  return { address, weight: 1, backup: false, ...options };
}

/** An upstream of some targets. */
export function upstream(
  balance: Balance,
  targets: readonly Short[],
  options: UpstreamOptions & {
    readonly sessionsPerTarget?: number;
    readonly health?: Partial<UpstreamConfig["health"]>;
    readonly name?: string;
  } = {},
): Upstream {
  const defaults = UpstreamSchema.parse({ targets: ["builtin:echo"] });
  const config: UpstreamConfig = {
    ...defaults,
    targets: targets.map(target),
    balance,
    limits: { sessions_per_target: options.sessionsPerTarget ?? 0 },
    health: { ...defaults.health, eject_after: 0, ...options.health },
  };
  return new Upstream(options.name ?? "web", config, options);
}

/** Some hosts as targets: `10.0.0.1:80` and so on. */
export function hosts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:80`);
}

/** A client of number `i`, different in address and port from all others. */
export function client(i: number): { host: string; port: number } {
  return { host: `10.${i >>> 16 & 255}.${i >>> 8 & 255}.${i & 255}`, port: 1024 + i % 60_000 };
}

/** Numbers from 0 to 1 that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return state / 0x1_0000_0000;
  };
}
