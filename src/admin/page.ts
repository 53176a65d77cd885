/**
 * Serves the page for people. Knows its files and what a browser may do with them, nothing about what the page
 * shows.
 *
 * @module
 */

import type { Operation } from "./operation.ts";
import { CODE, HTML, ICON, STYLE } from "./page_files.ts";

/**
 * The page loads its own files and calls its own address. It may use nothing inline, nothing from
 * elsewhere, no form that is sent, and no HTML made from text.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

function serve(body: string, type: string): Response {
  return new Response(body, {
    headers: { "Content-Type": type, "Content-Security-Policy": POLICY },
  });
}

/** Reports whether a request's `Accept` asks for HTML, as browsers do, and not for plain text. */
export function wantsPage(accept: string | undefined): boolean {
  return accept !== undefined && /(?:^|[\s,])text\/html(?:$|[\s,;])/i.test(accept);
}

/** Returns the answer to a browser at `/`. */
export function servePage(): Response {
  return serve(HTML, "text/html; charset=utf-8");
}

function file(path: string, media: string, body: string): Operation {
  const type = `${media}; charset=utf-8`;
  return {
    method: "GET",
    path,
    summary: "A file of the page",
    answers: { 200: { description: "The file", content: type } },
    run: () => serve(body, type),
  };
}

/** The files that the page loads. */
export const PAGE_OPERATIONS: readonly Operation[] = [
  file("/page.js", "text/javascript", CODE),
  file("/page.css", "text/css", STYLE),
  file("/icon.svg", "image/svg+xml", ICON),
];
