/**
 * The page of the admin address: asks every second and shows the answers. Knows when to ask and what a
 * change needs, not how anything is drawn.
 *
 * @module
 */

/// <reference lib="dom" />

import { formatAge } from "../units.ts";
import type { TrafficAnswer } from "../traffic.ts";
import { type TargetRow, viewOf } from "../view.ts";
import { Charts } from "./charts.ts";
import { ask, Refused } from "./client.ts";
import { confirmed, setUpDialogs, withToken } from "./dialogs.ts";
import { byId, setText } from "./dom.ts";
import { Live } from "./live.ts";
import { Tables } from "./tables.ts";

const POLL_MS = 1000;

const state = byId("state", HTMLElement);
const result = byId("result", HTMLElement);
const unlock = byId("unlock", HTMLButtonElement);
const reload = byId("reload", HTMLButtonElement);
const charts = new Charts();
const live = new Live();
const tables = new Tables((row) => changeTarget(row));
let before: TrafficAnswer | undefined;
/** When shunt stopped answering. */
let silentSince: Date | undefined;

function showState(text: string, tone: string): void {
  setText(state, text);
  state.className = tone;
}

function showResult(
  text: string,
  { tone = "good", problems = [] as readonly string[] } = {},
): void {
  const line = document.createElement("p");
  line.className = tone;
  line.textContent = text;
  result.replaceChildren(line);
  if (problems.length === 0) return;
  const list = document.createElement("pre");
  list.textContent = problems.join("\n");
  result.append(list);
}

function showError(what: string, error: unknown): void {
  const problems = error instanceof Refused ? error.problems : [];
  const why = error instanceof Error ? error.message : String(error);
  showResult(`${what}: ${why}`, { tone: "bad", problems });
}

const STATES = {
  starting: ["Starting", "warn"],
  ready: ["Ready", "good"],
  draining: ["Draining: takes nothing new, and ends when sessions and flows have finished", "warn"],
} as const;

function show(now: TrafficAnswer): void {
  if (before !== undefined && before.started_at !== now.started_at) {
    charts.clear();
    before = undefined;
    showResult("shunt was restarted: its counters start from zero", { tone: "warn" });
  }
  silentSince = undefined;
  document.body.classList.remove("stale");
  unlock.hidden = true;
  const [text, tone] = STATES[now.state];
  showState(text, tone);
  reload.disabled = now.state === "draining";
  const { version, pid, uptime_s, io, workers } = now;
  const threads = workers === 1 ? "1 worker" : `${workers} workers`;
  setText(
    byId("process", HTMLElement),
    `${version}, pid ${pid}, up ${formatAge(uptime_s)}, io ${io}, ${threads}`,
  );
  const view = viewOf(now, before);
  charts.add(view);
  tables.show(view);
  before = now;
}

function showSilence(error: unknown): void {
  document.body.classList.add("stale");
  if (error instanceof Refused) {
    unlock.hidden = error.status !== 401;
    showState(`Refused: ${error.message}`, "bad");
    return;
  }
  silentSince ??= new Date();
  const since = silentSince.toTimeString().slice(0, 8);
  showState(`No answer since ${since}: shunt has ended, or cannot be reached`, "bad");
}

/** Requests everything that is shown. Returns whether to go on without the user. */
async function poll(): Promise<boolean> {
  try {
    show(await withToken(() => ask("/api/traffic")) as TrafficAnswer);
    await live.refresh();
    return true;
  } catch (error) {
    showSilence(error);
    // Without its token, polling would ask the user every second.
    return !(error instanceof Refused && error.status === 401);
  }
}

async function keepPolling(): Promise<void> {
  for (;;) {
    const next = Promise.withResolvers<unknown>();
    const begun = performance.now();
    const goesOn = await poll();
    if (!goesOn) {
      unlock.addEventListener("click", next.resolve, { once: true });
    } else if (document.hidden) {
      document.addEventListener("visibilitychange", next.resolve, { once: true });
    } else {
      setTimeout(next.resolve, Math.max(100, POLL_MS - (performance.now() - begun)));
    }
    await next.promise;
  }
}

async function reloadNow(): Promise<void> {
  const sure = await confirmed({
    title: "Reload the configuration?",
    text: "shunt reads its file again and uses all of it, or none of it. " +
      "Running sessions and flows go on.",
    yes: "Reload",
  });
  if (!sure) return;
  try {
    const answer = await withToken(() => ask("/api/reload", { method: "POST", body: {} }));
    const { changed } = answer as { readonly changed: readonly string[] };
    showResult(changed.length === 0 ? "Nothing has changed" : `Reloaded: ${changed.join(", ")}`);
  } catch (error) {
    showError("Not reloaded", error);
  }
}

async function changeTarget({ upstream, target, state }: TargetRow): Promise<void> {
  const drain = state === "ready";
  const sure = await confirmed({
    title: drain ? "Drain this target?" : "Take this target back?",
    text: drain
      ? `${target} of upstream "${upstream}" gets nothing new; its sessions and flows may finish.`
      : `${target} of upstream "${upstream}" gets new sessions and flows again.`,
    yes: drain ? "Drain" : "Take back",
  });
  if (!sure) return;
  const path = [upstream, target].map(encodeURIComponent).join("/targets/");
  try {
    const body = { state: drain ? "drain" : "ready" };
    await withToken(() => ask(`/api/upstreams/${path}`, { method: "PATCH", body }));
    showResult(drain ? `${target} is drained` : `${target} is taken back`);
  } catch (error) {
    showError(`${target} stays as it was`, error);
  }
}

setUpDialogs();
showState("Asking", "quiet");
reload.addEventListener("click", () => void reloadNow());
void keepPolling();
