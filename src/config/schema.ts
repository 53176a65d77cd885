/**
 * STUB to be replaced by the real schema: the types stay as they are.
 *
 * @module
 */
import type { TargetAddress } from "../wire/address.ts";

export type Transport = "tcp" | "udp";
export type Balance =
  | "first"
  | "random"
  | "round_robin"
  | "least_sessions"
  | "source_ip"
  | "source_socket"
  | "maglev";
export interface MatchConfig {
  readonly protocol?: readonly string[];
  readonly sni?: readonly string[];
  readonly alpn?: readonly string[];
  readonly host?: readonly string[];
  readonly source?: readonly string[];
}
export interface RouteConfig {
  readonly match?: MatchConfig;
  readonly upstream: string;
}
export interface ListenerConfig {
  readonly bind: readonly string[];
  readonly transports: readonly Transport[];
  readonly detect: {
    readonly timeout: number;
    readonly on_timeout: "fallthrough" | "close";
    readonly max_bytes: number;
  };
  readonly proxy_protocol: {
    readonly accept: "off" | "optional" | "required";
    readonly trusted: readonly string[];
  };
  readonly limits: {
    readonly sessions: number;
    readonly flows: number;
    readonly per_source: number;
    /** Per second. */
    readonly new_per_source: number;
  };
  readonly routes: readonly RouteConfig[];
}
export interface TargetConfig {
  readonly address: TargetAddress;
  readonly weight: number;
  readonly backup: boolean;
}
export interface UpstreamConfig {
  readonly targets: readonly TargetConfig[];
  readonly balance: Balance;
  readonly connect_timeout: number;
  readonly retries: number;
  readonly send_proxy_protocol: "off" | "v1" | "v2";
  /** Unset: 1h for sessions, 30s for flows. */
  readonly idle_timeout?: number;
  readonly limits: { readonly sessions_per_target: number };
  readonly health: {
    readonly interval: number;
    readonly timeout: number;
    readonly probe: "tcp" | "tls" | "http";
    readonly rise: number;
    readonly fall: number;
    readonly eject_after: number;
    readonly eject_for: number;
  };
}
export interface Config {
  readonly listeners: Readonly<Record<string, ListenerConfig>>;
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>;
  readonly workers: "auto" | number;
  readonly io: "auto" | "deno" | "libc";
  readonly dns: { readonly min_ttl: number; readonly max_ttl: number };
  readonly limits: { readonly detect_memory: number };
  readonly log: {
    readonly level: "debug" | "info" | "warning" | "error";
    readonly format: "text" | "json";
    readonly access: boolean;
    readonly file: string | null;
  };
  readonly admin: { readonly bind: string } | null;
  readonly drain_timeout: number;
}
