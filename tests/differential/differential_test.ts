/**
 * The table of forms against every server that is installed. `deno task fuzz:differential` goes on with
 * random forms.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { startShunt, until } from "../e2e/_shunt.ts";
import { Dice } from "../fuzz/mutate.ts";
import { KINDS } from "./kinds.ts";
import { missing, type Server, tryForm } from "./_kind.ts";

/** Forms by chance besides the table: always the same. */
const BY_CHANCE = 300;

for (const kind of KINDS) {
  for (const { name, needs, start } of kind.servers) {
    const lacks = await missing(needs);
    Deno.test({
      name: `differential ${kind.name}: ${name} serves no name that shunt does not see` +
        (lacks === undefined ? "" : ` (skipped: "${lacks}" is not installed)`),
      ignore: lacks !== undefined,
      async fn() {
        await using server = await start();
        const dice = new Dice(1);
        const forms = [
          ...kind.table,
          ...Array.from({ length: BY_CHANCE }, () => kind.make(dice)),
        ];
        const missed: string[] = [];
        let served = 0;
        for (const form of forms) {
          const result = await tryForm(kind, server, form);
          if (result.served) served++;
          if (result.served && !result.seen) missed.push(form.name);
        }
        assertEquals(missed, []);
        // Else nothing was compared.
        assert(served > forms.length / 20 && served < forms.length, `${served} served`);
      },
    });
    Deno.test({
      name: `differential ${kind.name}: no client reaches ${name} by a name that shunt refuses` +
        (lacks === undefined ? "" : ` (skipped: "${lacks}" is not installed)`),
      ignore: lacks !== undefined,
      async fn() {
        await using server = await start();
        await using shunt = await startShunt(`
listeners:
  edge:
    bind: 127.0.0.1:0
    transports: tcp
    routes:
      - match: ${kind.match}
        upstream: refused
      - upstream: all
upstreams:
  refused: { targets: ["builtin:reset"] }
  all: { targets: ["127.0.0.1:${server.port}"] }
`);
        const behind: Server = { name, port: shunt.port(), async [Symbol.asyncDispose]() {} };
        const reached: string[] = [];
        for (const form of kind.table) {
          if ((await tryForm(kind, behind, form)).served) reached.push(form.name);
        }
        assertEquals(reached, []);
        const { sessionsTotal, closes } = shunt.counters();
        assertEquals(sessionsTotal, kind.table.length);
        assert(closes.unreadable > 0);
        // Records of workers come in batches.
        const reaches = () => shunt.records.some(({ upstream }) => upstream === "all");
        await until(reaches, "a client to have reached the server");
      },
    });
  }
}
