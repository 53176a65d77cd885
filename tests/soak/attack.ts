/**
 * The attackers' process: does all attacks at once until it is ended.
 *
 * @module
 */

import { type AttackParts, ATTACKS } from "./attacks.ts";
import { seeded } from "./random.ts";
import { type AttackPlan, eachLine, sendRecord } from "./records.ts";

const plan: AttackPlan = JSON.parse(String(Deno.args[0]));
const end = Promise.withResolvers<void>();
let over = false;
const begun = new Map<string, number>();

async function repeat(name: string, parts: AttackParts): Promise<void> {
  while (!over) {
    begun.set(name, (begun.get(name) ?? 0) + 1);
    await ATTACKS[name]!.once(parts);
  }
}

const attacks = Object.entries(ATTACKS).flatMap(([name, { clients }], i) =>
  Array.from({ length: clients }, (_, client) =>
    repeat(name, {
      random: seeded(plan.seed + 1000 * i + client),
      ports: plan.ports,
      over: end.promise,
    }))
);
// The end of its input ends it.
await eachLine(Deno.stdin.readable, () => {});
over = true;
end.resolve();
await Promise.all(attacks);
for (const [attack, count] of begun) sendRecord({ from: "attack", attack, count });
Deno.exit(0);
