/**
 * What can end detection before all is read that a protocol's first bytes say: a closed list, with what
 * each word means. Access lines, metrics and the reference take it from here.
 *
 * @module
 */

/** Why detection ended without all facts. */
export const DETECT_END_TEXTS = {
  deadline: "`detect.timeout` passed while more was needed",
  client_end: "The client ended its sending direction while more was needed",
  max_bytes: "More was needed than `detect.max_bytes`",
  datagrams: "More datagrams were needed than a flow may hold",
  fields: "An HTTP request has more fields before its end than are read",
  frames: "More HTTP/2 frames than are read came before the request",
  malformed: "What has the facts in it contradicts itself, or cannot be read",
  bad_name: "A name stands where one belongs that is none, such as `a..b` or `*.example`",
} as const;

/** A key of {@linkcode DETECT_END_TEXTS}. */
export type DetectEnd = keyof typeof DETECT_END_TEXTS;

/** The keys of {@linkcode DETECT_END_TEXTS}. */
export const DETECT_ENDS: readonly DetectEnd[] = Object.keys(DETECT_END_TEXTS) as DetectEnd[];
