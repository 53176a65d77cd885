/**
 * Checks the text of a configuration without holding up the sessions and flows of this thread. Knows neither
 * files nor verbs.
 *
 * @module
 */

import { CHECK_WORKER, workerModule } from "../build.ts";
import { type PackedConfig, unpackConfig } from "../config/packed.ts";
import { inSlices } from "../slices.ts";
import { type Checked, type CheckQuestion, checkText } from "./check_text.ts";

/** Letters that are checked in some 10 ms. With more, starting a thread is worth it. */
const SHORT = 8 * 1024;

/** The answer of a worker that checks. */
export interface CheckAnswer {
  readonly config: PackedConfig | undefined;
  readonly problems: readonly string[];
}

/**
 * Checks a text without holding up this thread: a short one at once, a long one in a thread of its own.
 *
 * @throws {Error} if the thread fails
 */
export async function checkAside(question: CheckQuestion): Promise<Checked> {
  const { text, set } = question;
  const length = set.reduce((sum, override) => sum + override.length, text.length);
  // With anchors a short text can stand for much more.
  if (length <= SHORT && !text.includes("&")) return checkText(question);
  const { config, problems } = await askWorker(question);
  return {
    config: config === undefined ? undefined : await inSlices(unpackConfig(config)),
    problems,
  };
}

async function askWorker(question: CheckQuestion): Promise<CheckAnswer> {
  const worker = new Worker(workerModule("./service/check_worker.ts"), {
    type: "module",
    name: CHECK_WORKER,
  });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<CheckAnswer>) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`Cannot check the configuration: ${event.message}`));
      };
      worker.postMessage(question);
    });
  } finally {
    worker.terminate();
  }
}
