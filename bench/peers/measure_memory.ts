/**
 * Memory of an idle session, fresh and once used, and of a flow: growth of the proxy's resident
 * memory over what it has after a first small crowd came and went.
 *
 * @module
 */

import { delay } from "./children.ts";
import type { Context, Figures, Measure } from "./measure.ts";
import type { Instance } from "./participant.ts";
import { residentKiB } from "./proc.ts";

const COUNT = 5000;
/** What a process allocates once, for its first sessions, does not count as theirs. */
const CROWD = 100;
/** Until accepting, connecting and closing have settled. */
const SETTLE = 700;

async function settled({ pid }: Instance): Promise<number> {
  await delay(SETTLE);
  return residentKiB(pid ?? 0);
}

function sessions({ fresh, loader }: Context): Promise<Figures> {
  return fresh(async (instance) => {
    const port = instance.ports.requests;
    await loader.run({ kind: "hold_sessions", port, count: CROWD });
    await loader.run({ kind: "use_held" });
    await loader.run({ kind: "drop_held" });
    const before = await settled(instance);
    await loader.run({ kind: "hold_sessions", port, count: COUNT });
    const idle = await settled(instance);
    await loader.run({ kind: "use_held" });
    const used = await settled(instance);
    await loader.run({ kind: "drop_held" });
    return { session_kib: (idle - before) / COUNT, used_kib: (used - before) / COUNT };
  });
}

function flows({ fresh, loader }: Context): Promise<Figures> {
  return fresh(async (instance) => {
    const port = instance.ports.udp;
    if (port === undefined) return {};
    await loader.run({ kind: "hold_flows", port, count: CROWD });
    await loader.run({ kind: "drop_held" });
    const before = await settled(instance);
    await loader.run({ kind: "hold_flows", port, count: COUNT });
    const used = await settled(instance);
    await loader.run({ kind: "drop_held" });
    return { flow_kib: (used - before) / COUNT };
  });
}

/** KiB per session and flow. */
export const MEMORY: Measure = {
  name: "memory",
  needs: "requests",
  logs: false,
  metrics: [
    { id: "session_kib", label: "idle session, fresh", unit: "KiB", better: "less", digits: 1 },
    { id: "used_kib", label: "idle session, used once", unit: "KiB", better: "less", digits: 1 },
    { id: "flow_kib", label: "flow", unit: "KiB", better: "less", digits: 1 },
  ],
  async run(context): Promise<Figures> {
    const ofSessions = await sessions(context);
    if (context.instance.ports.udp === undefined) return ofSessions;
    return { ...ofSessions, ...await flows(context) };
  },
};
