/**
 * Configuration: YAML text to a checked configuration or to all that is wrong with it, and the
 * schema's other faces. Knows keys and values; must never know a socket, a byte or a detector.
 *
 * @module
 */

export { startingConfig } from "./init.ts";
export { configJsonSchema } from "./json_schema.ts";
export type { ProtocolInfo } from "../facts/mod.ts";
export { loadConfig, type Loaded, type LoadOptions, parseConfig } from "./load.ts";
export { formatProblem, type Problem, type ProblemCode } from "./problem.ts";
export { configReference } from "./reference.ts";
export type {
  Balance,
  Config,
  ListenerConfig,
  MatchConfig,
  RouteConfig,
  TargetConfig,
  Transport,
  UpstreamConfig,
} from "./schema.ts";
