/**
 * The entry point of a worker that checks one configuration and ends. Knows no file.
 *
 * @module
 */

import { packConfig } from "../config/packed.ts";
import { atOnce } from "../slices.ts";
import type { CheckAnswer } from "./check_aside.ts";
import { type CheckQuestion, checkText } from "./check_text.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<CheckQuestion>) => void) | null;
  postMessage(message: CheckAnswer): void;
  close(): void;
};

scope.onmessage = ({ data }) => {
  const { config, problems } = checkText(data);
  scope.postMessage({
    problems,
    config: config === undefined ? undefined : atOnce(packConfig(config)),
  });
  scope.close();
};
