/**
 * Time from starting the process to its first answer.
 *
 * @module
 */

import type { Figures, Measure } from "./measure.ts";

/** Milliseconds. */
export const COLD: Measure = {
  name: "cold",
  needs: "requests",
  logs: false,
  metrics: [
    { id: "cold", label: "cold start to first answer", unit: "ms", better: "less", digits: 0 },
  ],
  run: ({ fresh }): Promise<Figures> => fresh((_, ms) => Promise.resolve({ cold: ms })),
};
