/**
 * Built-in targets for the flows of one thread: what they answer, and how often. Knows no socket.
 *
 * @module
 */

import { answerDatagram, ANSWERS_PER_FLOW, ANSWERS_PER_THREAD } from "../builtin/mod.ts";
import { helloInfo } from "../manage/describe.ts";
import type { DialParts } from "../manage/flow/dial.ts";
import { Rate } from "../manage/limits/rate.ts";

/** Returns a function that opens built-in targets for flows. Answers beyond a rate count as `builtin_rate`. */
export function datagramBuiltins(clock: { readonly now: number }): DialParts["builtin"] {
  const all = new Rate(ANSWERS_PER_THREAD, clock);
  return (data, name, options) => {
    const rate = new Rate(ANSWERS_PER_FLOW, clock);
    const info = () => helloInfo(data);
    return {
      send(bytes) {
        const answer = answerDatagram(name, bytes, info);
        if (answer === "reset") {
          options.onError(new Error("The built-in target reset the flow"));
        } else if (answer !== undefined) {
          if (rate.take() && all.take()) return options.onReply(answer);
          data.listener.counters.drops.builtin_rate++;
        }
        return undefined;
      },
      close() {},
    };
  };
}
