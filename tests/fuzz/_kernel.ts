/**
 * Fuzz target of the kernel's file events, which contain names that others choose.
 *
 * @module
 */

import { fail } from "@std/assert";
import { readEvents } from "../../src/io/libc/inotify.ts";
import { concat } from "../unit/_hello.ts";
import type { Target } from "./_target.ts";
import { kin, vary } from "./mutate.ts";

const EVENT_BYTES = 16;
const ROOM = 16;

/** An event as inotify(7) writes it: its name padded with zeros. */
function event(name: string): Uint8Array {
  const padded = new Uint8Array(name === "" ? 0 : Math.ceil((name.length + 1) / ROOM) * ROOM);
  padded.set(new TextEncoder().encode(name));
  return concat([1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, padded.length, 0, 0, 0], padded);
}

const EVENTS = kin(
  [event(""), event("config.yaml"), concat(event("..data"), event(""), event("x".repeat(200)))],
  [event("a"), [0xff, 0xff, 0xff, 0xff], [0, 0x40, 0, 0]].map((bytes) => Uint8Array.from(bytes)),
);

/** Events: none reaches past the end, and more bytes change none of those before. */
export const FILE_EVENTS: Target = {
  name: "file events",
  share: 30,
  make: (dice) => [vary(dice, EVENTS)],
  check([bytes = new Uint8Array(0)]) {
    const whole = [...readEvents(bytes)];
    if (whole.length > bytes.length / EVENT_BYTES) fail(`${whole.length} in ${bytes.length} bytes`);
    if (whole.some(({ name }) => name.includes("\0"))) fail("A zero in a name");
    const half = [...readEvents(bytes.subarray(0, bytes.length >> 1))];
    if (JSON.stringify(half) !== JSON.stringify(whole.slice(0, half.length))) {
      fail("Half of the bytes have other events");
    }
  },
};
