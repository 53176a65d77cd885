/**
 * Runs all measurements of all participants, interleaved, for several rounds.
 *
 * @module
 */

import { delay } from "./children.ts";
import type { Loader } from "./loader.ts";
import type { Figures, Measure } from "./measure.ts";
import { Instance, type Participant, type Setting, StartError } from "./participant.ts";
import type { Results } from "./results.ts";

/** The input of a run. */
export interface Plan {
  readonly participants: readonly Participant[];
  readonly measures: readonly Measure[];
  readonly rounds: number;
  readonly seconds: number;
  readonly loader: Loader;
  readonly results: Results;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** Makes a setting with a new folder. */
  setting(name: string): Setting;
  /** Prints a line. */
  say(line: string): void;
}

/** Exit code for bad usage, which a variant that does not exist yet ends with. */
const UNSUPPORTED = 2;
const PAUSE = 150;
/** Measurements that are run once before they count. */
const WARMED = /^(kept|new|sni|udp)/;

/** A participant that takes part. */
interface Runner {
  readonly participant: Participant;
  instance: Instance;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function startAll(plan: Plan): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const participant of plan.participants) {
    try {
      const { instance } = await Instance.start(participant, plan.setting(participant.name));
      runners.push({ participant, instance });
    } catch (error) {
      const refused = error instanceof StartError && error.code === UNSUPPORTED &&
        error.message.includes("not supported yet");
      plan.say(`${participant.name}: ${message(error)}`);
      if (refused) plan.results.leftOut.push(`${participant.name}: not supported yet`);
      else fail(plan, participant, "start", { round: 0, error });
    }
  }
  return runners;
}

function fail(
  { results, say, signal }: Plan,
  { name }: Participant,
  measure: string,
  { round, error }: { readonly round: number; readonly error: unknown },
): void {
  signal.throwIfAborted();
  results.failures.push({ participant: name, measure, round, message: message(error) });
  say(`FAILED ${measure}, ${name}: ${message(error)}`);
}

function applies({ results }: Plan, measure: Measure, { participant, instance }: Runner): boolean {
  if (participant.logs && !measure.logs) return false;
  const why = participant.cannot?.[measure.name];
  if (why !== undefined) {
    const text = `${measure.name} of ${participant.name}: ${why}`;
    if (why !== "" && !results.leftOut.includes(text)) results.leftOut.push(text);
    return false;
  }
  return instance.ports[measure.needs] !== undefined;
}

async function measureOne(
  plan: Plan,
  measure: Measure,
  { participant, instance }: Runner,
  direct: Figures | undefined,
): Promise<Figures> {
  return await measure.run({
    instance,
    loader: plan.loader,
    seconds: plan.seconds,
    warm: plan.seconds / 5,
    direct,
    async fresh(use) {
      const started = await Instance.start(participant, plan.setting(participant.name));
      try {
        return await use(started.instance, started.ms);
      } finally {
        await started.instance.stop();
      }
    },
  });
}

function show(measure: Measure, figures: Figures): string {
  return measure.metrics.filter(({ id }) => figures[id] !== undefined)
    .map(({ id, unit, digits }) => `${figures[id]!.toFixed(digits)} ${unit}`).join(", ");
}

/**
 * Warms up the proxies: operators do not run one in its first second of life, before its code is compiled.
 */
async function warmUp(plan: Plan, runners: readonly Runner[]): Promise<void> {
  const warmed = plan.measures.filter(({ name }) => WARMED.test(name));
  for (const measure of warmed) {
    for (const runner of runners.filter((runner) => applies(plan, measure, runner))) {
      plan.signal.throwIfAborted();
      try {
        await measureOne(plan, measure, runner, undefined);
      } catch (error) {
        // What fails here fails in the rounds too, where it is reported.
        plan.say(`warming up ${runner.participant.name}: ${message(error)}`);
      }
    }
  }
  if (warmed.length > 0) plan.say("warmed up");
}

/**
 * Runs the plan. Failures are part of its results.
 *
 * @param plan The plan
 * @returns The participants that took part
 * @throws {Error} If the run was ended early
 */
export async function runAll(plan: Plan): Promise<Participant[]> {
  const runners = await startAll(plan);
  await warmUp(plan, runners);
  for (let round = 0; round < plan.rounds; round++) {
    for (const measure of plan.measures) {
      let direct: Figures | undefined;
      for (const runner of runners.filter((runner) => applies(plan, measure, runner))) {
        const { participant } = runner;
        plan.signal.throwIfAborted();
        try {
          if (!runner.instance.runs) {
            const { name } = participant;
            runner.instance = (await Instance.start(participant, plan.setting(name))).instance;
          }
          const figures = await measureOne(plan, measure, runner, direct);
          if (participant.kind === "direct") direct = figures;
          plan.results.add(participant.name, round, figures);
          plan.say(
            `${round + 1}/${plan.rounds} ${measure.name}, ${participant.name}: ` +
              show(measure, figures),
          );
        } catch (error) {
          // The end of an access log would only show sessions.
          const said = participant.logs ? "" : runner.instance.said();
          const why = said === "" ? error : new Error(`${message(error)}; it said: ${said}`);
          fail(plan, participant, measure.name, { round, error: why });
        }
        await delay(PAUSE);
      }
    }
  }
  return runners.map(({ participant }) => participant);
}
