/**
 * All kinds of openings that are tried on real servers: a new one is one line here.
 *
 * @module
 */

import type { Kind } from "./_kind.ts";
import { http1, http2 } from "./http.ts";
import { tls } from "./tls.ts";

/** The kinds. */
export const KINDS: readonly Kind[] = [tls, http1, http2];
