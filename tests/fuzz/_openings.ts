/**
 * Fuzz targets of openings: what a client sends step by step, and what a target answers. Knows no socket.
 *
 * @module
 */

import { assertEquals, fail } from "@std/assert";
import { type Detected, Detection, PROTOCOLS } from "../../src/detect/mod.ts";
import { RouteWants } from "../../src/facts/wants.ts";
import { MAX_ANSWER } from "../../src/opening/mod.ts";
import { TLS_EXCHANGE } from "../../src/opening/postgres.ts";
import { claimFacts, claimProtocol, claimSameFacts } from "./_claims.ts";
import { POSTGRES, TLS } from "./_seeds.ts";
import { cuts, pieces, type Target } from "./_target.ts";
import { vary } from "./mutate.ts";

/** More steps than any opening has. */
const MAX_STEPS = 4;

/** Of a listener whose routes ask for all that may lie behind an opening. */
const ASKS = new RouteWants();
for (const { name } of PROTOCOLS) ASKS.add({ protocol: [name], sni: ["*"] });

/**
 * Clients that send the requests of an opening, and what lies behind, cut anyhow: every step takes bytes that
 * came, there are few, and how the bytes are cut makes no difference.
 */
export const OPENINGS: Target = {
  name: "openings",
  share: 60,
  make: (dice) => [
    vary(dice, POSTGRES),
    cuts(dice),
    dice.once(2) ? vary(dice, POSTGRES) : new Uint8Array(0),
    vary(dice, TLS),
  ],
  prepare: ([first = NONE, sizes = NONE, second = NONE, hello = NONE]) => [
    Uint8Array.from([...first, ...second, ...hello]),
    sizes,
  ],
  check(input) {
    const [bytes = NONE] = input;
    const whole = new Dialogue();
    whole.take(bytes);
    const cut = new Dialogue();
    pieces(input, (_, end) => cut.take(bytes.subarray(0, end)));
    assertEquals(cut.steps, whole.steps.slice(0, cut.steps.length));
    if (cut.found === undefined || whole.found === undefined) return;
    assertEquals(cut.found.protocol, whole.found.protocol);
    claimSameFacts(cut.found.facts, whole.found.facts, "by how it is cut");
  },
};

const NONE = new Uint8Array(0);

/** A client's side of an opening, as `manage/session/serve.ts` holds it. */
class Dialogue {
  readonly steps: string[] = [];
  found: Detected | undefined;
  readonly #detection = new Detection("tcp", ASKS);
  #taken = 0;

  take(bytes: Uint8Array): void {
    while (this.found === undefined && bytes.length > this.#taken) {
      const given = bytes.subarray(this.#taken);
      const found = this.#detection.stream(given);
      if (found === undefined) return;
      const { step } = this.#detection;
      if (step === undefined) {
        this.found = found;
        claimProtocol(found.protocol);
        // What lies behind adds what its own protocol may say.
        if (this.steps.length === 0 || this.#detection.opening.length === 0) {
          claimFacts(found.protocol, found.facts);
        }
        return;
      }
      const { name, consumed } = step;
      this.steps.push(name);
      if (this.steps.length > MAX_STEPS) fail(`${this.steps}`);
      if (consumed <= 0 || consumed > given.length) fail(`${consumed} of ${given.length} bytes`);
      this.#taken += consumed;
    }
  }
}

/** Answers of a target: one that is taken was so by itself, and nothing that follows makes it so. */
export const OPENING_ANSWERS: Target = {
  name: "opening answers",
  share: 20,
  make: (dice) => [dice.bytes(1 + dice.below(20)), Uint8Array.of(dice.pick([0x53, 0x4e, 0x45, 0]))],
  prepare: ([rest = NONE, first = NONE]) => [Uint8Array.from([...first, ...rest])],
  check([bytes = NONE]) {
    const judge = TLS_EXCHANGE.judge ?? fail("No judge");
    let settled: string | undefined;
    for (let end = 1; end <= Math.min(bytes.length, MAX_ANSWER); end++) {
      const answer = judge(bytes.subarray(0, end));
      if (answer === "taken" && end > 1) fail(`Taken after ${end} bytes`);
      if (settled === "refused") assertEquals(answer, settled);
      settled = answer;
    }
  },
};
