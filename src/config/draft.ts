/**
 * A configuration without its unusable parts, so that one wrong value does not keep the others from
 * being checked against each other. Knows the schema's shape; judges nothing.
 *
 * @module
 */

import type { z } from "zod";
import type { Path } from "./problem.ts";
import {
  type ListenerConfig,
  ListenerSchema,
  type MatchConfig,
  MatchSchema,
  RouteSchema,
  type UpstreamConfig,
  UpstreamSchema,
} from "./schema.ts";

/** One route, as far as it is usable. */
export interface DraftRoute {
  readonly path: Path;
  readonly match: MatchConfig | undefined;
  readonly upstream: string | undefined;
  /** Whether all of its conditions could be read. */
  readonly usable: boolean;
}

/** One listener, as far as it is usable. */
export interface DraftListener extends Readonly<Partial<Omit<ListenerConfig, "routes">>> {
  readonly name: string;
  readonly path: Path;
  readonly routes: readonly DraftRoute[];
}

/** One upstream, as far as it is usable. */
export interface DraftUpstream extends Readonly<Partial<UpstreamConfig>> {
  readonly name: string;
  readonly path: Path;
}

/** The parts of a configuration that have names. */
export interface Draft {
  readonly listeners: readonly DraftListener[];
  readonly upstreams: readonly DraftUpstream[];
}

/** Returns the usable parts of a configuration of plain values, legal or not. */
export function readDraft(value: unknown): Draft {
  // Made once, because each call makes a new schema.
  const { shape } = ListenerSchema.omit({ routes: true });
  return {
    listeners: Object.entries(toMap(toMap(value)["listeners"])).map(([name, listener]) => {
      const path = ["listeners", name];
      const routes = toMap(listener)["routes"];
      return {
        ...usable(shape, listener),
        name,
        path,
        routes: Array.isArray(routes)
          ? routes.map((route, index) => readRoute(route, [...path, "routes", index]))
          : [],
      };
    }),
    upstreams: Object.entries(toMap(toMap(value)["upstreams"])).map(([name, upstream]) => ({
      ...usable(UpstreamSchema.shape, upstream),
      name,
      path: ["upstreams", name],
    })),
  };
}

function readRoute(route: unknown, path: Path): DraftRoute {
  const { upstream } = usable({ upstream: RouteSchema.shape.upstream }, route);
  const written = toMap(route)["match"];
  const known = Object.keys(toMap(route)).every((key) => Object.hasOwn(RouteSchema.shape, key));
  return {
    path,
    match: written === undefined ? undefined : usable(MatchSchema.shape, written),
    upstream,
    usable: isMap(route) && known &&
      (written === undefined || MatchSchema.safeParse(written).success),
  };
}

type Shape = Readonly<Record<string, z.ZodType>>;

function usable<S extends Shape>(
  shape: S,
  value: unknown,
): { readonly [K in keyof S]?: z.output<S[K]> } {
  const map = toMap(value);
  const parts: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape)) {
    const result = schema.safeParse(map[key]);
    if (result.success && result.data !== undefined) parts[key] = result.data;
  }
  return parts as { readonly [K in keyof S]?: z.output<S[K]> };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toMap(value: unknown): Readonly<Record<string, unknown>> {
  return isMap(value) ? value : {};
}
