import { assertEquals } from "@std/assert";
import { runSoak } from "../soak/soak.ts";
import { failuresOf } from "../soak/verdict.ts";
import { TEST_IO } from "./_shunt.ts";

Deno.test("soak: ten seconds of all kinds of load at once lose no byte and leave nothing behind", async () => {
  const minutes = 1 / 6;
  const options = {
    minutes,
    io: TEST_IO,
    workers: "auto",
    seed: 7,
    rate: 30,
    attack: true,
    report: undefined,
  };
  const result = await runSoak(options, () => {});
  assertEquals(failuresOf(result), []);
});
