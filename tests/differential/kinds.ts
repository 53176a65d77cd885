/**
 * All kinds of openings that are tried on real servers: a new one is one line here.
 *
 * @module
 */

import type { Kind } from "./_kind.ts";
import { tls } from "./tls.ts";

/** The kinds. */
export const KINDS: readonly Kind[] = [tls];
