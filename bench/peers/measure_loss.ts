/**
 * UDP datagrams that do not come back at a fixed rate.
 *
 * @module
 */

import { type Figures, type Measure, portOf } from "./measure.ts";

/** Round trips per second: about a third of what the slowest reaches in a closed loop. */
const RATE = 20_000;
const CONNECTIONS = 32;
const SIZE = 200;

/** Share lost, in percent. */
export const LOSS: Measure = {
  name: "loss",
  needs: "udp",
  logs: false,
  metrics: [{
    id: "udp_loss",
    label: `UDP loss, ${RATE}/s of ${SIZE} B`,
    unit: "%",
    better: "less",
    digits: 3,
    floor: 0.1,
  }],
  async run({ loader, instance: { ports }, seconds, warm }): Promise<Figures> {
    const { lost } = await loader.run({
      kind: "open_udp",
      port: portOf(ports.udp),
      connections: CONNECTIONS,
      rate: RATE,
      size: SIZE,
      seconds,
      warm,
    });
    return { udp_loss: lost * 100 };
  },
};
