/** A reload of a large configuration holds up neither traffic nor the admin address. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type ShuntProcess, withShunt } from "./_process.ts";
import { connect, readExactly, writeAll } from "./_shunt.ts";

/** The longest time that a client may wait while a configuration is reloaded. */
const MOST_MS = 50;
/** Number of attempts: a busy machine delays any client now and then. */
const RELOADS = 4;

const START = `
listeners: { edge: { bind: 127.0.0.1:0, transports: tcp, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
admin: { bind: 127.0.0.1:0 }
drain_timeout: 1s
`;

/** The same with 10,000 more routes. */
function large(round: number): string {
  const routes = Array.from(
    { length: 10_000 },
    (_, i) => `    - {match: {sni: h${i}.r${round}}, upstream: up}\n`,
  );
  return `listeners:\n  edge:\n    bind: 127.0.0.1:0\n    transports: tcp\n    routes:\n${
    routes.join("")
  }    - { upstream: up }\n` + START.slice(START.indexOf("upstreams:")) + "log: { format: json }\n";
}

/** Measures the longest of many short waits, until it is stopped. */
class Waits {
  longest = 0;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  /** @param wait What is waited for, again and again */
  constructor(wait: () => Promise<void>) {
    this.#done = this.#run(wait);
  }

  async #run(wait: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const from = performance.now();
      await wait();
      this.longest = Math.max(this.longest, performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

function file(shunt: ShuntProcess): string {
  return shunt.readyFile.replace("ready.json", "config.yaml");
}

async function reload(shunt: ShuntProcess, text: string): Promise<Response> {
  await Deno.writeTextFile(file(shunt), text);
  return await fetch(`http://${shunt.ready.admin}/api/reload`, { method: "POST" });
}

/** Waits for a byte that is sent and echoed, and for the admin address. */
async function waitsFor(shunt: ShuntProcess, work: () => Promise<void>): Promise<Waits[]> {
  const client = await connect(shunt.port());
  const byte = new Uint8Array(1);
  const waits = [
    new Waits(async () => {
      await writeAll(client, byte);
      await readExactly(client, 1);
    }),
    new Waits(async () => {
      const response = await fetch(`http://${shunt.ready.admin}/healthz`);
      await response.text();
    }),
  ];
  try {
    await work();
  } finally {
    for (const one of waits) await one.end();
    client.close();
  }
  return waits;
}

Deno.test("reload: 10,000 routes delay neither traffic nor the admin address for long", async () => {
  // Waits caused by the other shunt, which is not reloaded, are the machine's.
  await withShunt(START, (shunt) =>
    withShunt(START, async (other) => {
      let said = "";
      for (let round = 0; round < RELOADS; round++) {
        let usual: readonly Waits[] = [];
        const waits = await waitsFor(shunt, async () => {
          usual = await waitsFor(other, async () => {
            const response = await reload(shunt, large(round));
            assertEquals((await response.json()).changed[0], "listeners.edge changed: routes");
          });
        });
        const [traffic, admin] = waits.map(({ longest }, i) => longest - 2 * usual[i]!.longest);
        if (traffic! <= MOST_MS && admin! <= MOST_MS) return;
        said = JSON.stringify([waits, usual]);
      }
      assert(false, `somebody waited longer than ${MOST_MS} ms in each of ${RELOADS}: ${said}`);
    }));
});

Deno.test("reload: a large configuration with errors is refused in the words of a check", async () => {
  await withShunt(START, async (shunt) => {
    const broken = large(0).replace("sni: h5000.r0", 'sni: ["a b"]');
    const response = await reload(shunt, broken);
    assertEquals(response.status, 422);
    const { problems } = await response.json();
    assertEquals(problems.length, 1);
    assertStringIncludes(
      problems[0],
      'c.yaml:5006:22: error: listeners.edge.routes[5000].match.sni[0]: Expected a name, "*.suffix" or "*", got "a b"'
        .slice("c.yaml".length),
    );
    using client = await connect(shunt.port());
    await writeAll(client, new Uint8Array(1));
    await readExactly(client, 1);
    client.close();
  }, { mayLogErrors: true });
});
