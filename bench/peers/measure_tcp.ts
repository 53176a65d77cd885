/**
 * Requests on kept connections, new connections, and new connections routed by TLS server name, 32 at once,
 * and the proxy's cost of each.
 *
 * @module
 */

import type { Job } from "./load/job.ts";
import { type Context, type Figures, loadWithCpu, type Measure, portOf } from "./measure.ts";

const CONNECTIONS = 32;

interface Kind {
  readonly name: string;
  readonly label: string;
  readonly needs: "requests" | "tls";
  job(timed: { port: number; connections: number; seconds: number; warm: number }): Job;
}

function measure({ name, label, needs, job }: Kind): Measure {
  return {
    name,
    needs,
    logs: true,
    metrics: [
      { id: name, label, unit: "/s", better: "more", digits: 0 },
      { id: `${name}_cpu`, label: `${label}: CPU`, unit: "µs", better: "less", digits: 1 },
    ],
    async run(context: Context): Promise<Figures> {
      const { seconds, warm, instance: { ports } } = context;
      const port = portOf(ports[needs]);
      const timed = { port, connections: CONNECTIONS, seconds, warm };
      const { rate, total, cpu } = await loadWithCpu(context, job(timed));
      return { [name]: rate, ...(cpu === undefined ? {} : { [`${name}_cpu`]: cpu / total * 1e6 }) };
    },
  };
}

/** Requests on kept connections. */
export const KEPT: Measure = measure({
  name: "kept",
  label: "kept requests",
  needs: "requests",
  job: (timed) => ({ kind: "kept", ...timed }),
});

/** New connections. */
export const NEW: Measure = measure({
  name: "new",
  label: "new connections",
  needs: "requests",
  job: (timed) => ({ kind: "new", hello: false, ...timed }),
});

/** New connections, routed by server name. */
export const SNI: Measure = measure({
  name: "sni",
  label: "SNI-routed connections",
  needs: "tls",
  job: (timed) => ({ kind: "new", hello: true, ...timed }),
});
