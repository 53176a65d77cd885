/**
 * Questions from one thread to another. A question and its answer have the same number. Knows neither what
 * is asked nor how messages travel.
 *
 * @module
 */

import { messageOf, ShuntError } from "../errors.ts";

/** The types of a question's subject and answer. */
export interface Question<About, Answer> {
  readonly about: About;
  readonly answer: Answer;
}

/** Questions by name. */
export type Questions<Q> = { readonly [K in keyof Q]: Question<unknown, unknown> };

/** One question on its way. */
export interface Asked<Q extends Questions<Q>, K extends keyof Q> {
  readonly type: "ask";
  readonly number: number;
  readonly name: K;
  readonly about: Q[K]["about"];
}

/** Any question on its way. */
export type Ask<Q extends Questions<Q>> = { readonly [K in keyof Q]: Asked<Q, K> }[keyof Q];

/** An answer on its way. */
export type Answer =
  | { readonly type: "answer"; readonly number: number; readonly value: unknown }
  | {
    readonly type: "failed";
    readonly number: number;
    readonly code: string;
    readonly message: string;
  };

/** What answers questions: a function for each. */
export type Answers<Q extends Questions<Q>, K extends keyof Q = keyof Q> = {
  readonly [P in K]: (about: Q[P]["about"]) => Q[P]["answer"] | Promise<Q[P]["answer"]>;
};

/** Asks another thread. */
export class Asker<Q extends Questions<Q>> {
  readonly #send: (question: Ask<Q>) => void;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;
  #ended: Error | undefined;

  /** @param send Sends a question to the other thread */
  constructor(send: (question: Ask<Q>) => void) {
    this.#send = send;
  }

  /**
   * Asks.
   *
   * @param name Which question
   * @param about What it is about
   * @returns The answer
   * @throws {ShuntError} if the other thread fails, or has ended
   */
  ask<K extends keyof Q>(name: K, about: Q[K]["about"]): Promise<Q[K]["answer"]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const number = this.#asked++;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(number, pending);
    const question: Asked<Q, K> = { type: "ask", number, name, about };
    this.#send(question as Ask<Q>);
    return pending.promise;
  }

  /** Settles the question that an answer has the number of. */
  receive(answer: Answer): void {
    const pending = this.#pending.get(answer.number);
    this.#pending.delete(answer.number);
    if (answer.type === "answer") pending?.resolve(answer.value);
    else pending?.reject(new ShuntError(answer.message, { code: answer.code }));
  }

  /** Rejects all questions without an answer, and all that follow: the other thread has ended. */
  end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/**
 * Answers a question. Work without a wait is done when this returns.
 *
 * @returns The answer, or that there is none because the work failed
 */
export async function answerTo<Q extends Questions<Q>, K extends keyof Q>(
  { number, name, about }: Asked<Q, K>,
  answers: Answers<Q, K>,
): Promise<Answer> {
  try {
    return { type: "answer", number, value: await answers[name](about) };
  } catch (error) {
    const code = error instanceof ShuntError ? error.code : "internal_error";
    return { type: "failed", number, code, message: messageOf(error) };
  }
}
