/**
 * Asks the user of the page. Knows the page's dialogs, not what they are for.
 *
 * @module
 */

/// <reference lib="dom" />

import { keepToken, Refused } from "./client.ts";
import { byId, setText } from "./dom.ts";

/** The texts of a question. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** The label of the button that confirms. */
  readonly yes: string;
}

/** Shows a dialog until it is closed. The browser returns the focus to where it was. */
function open(dialog: HTMLDialogElement): Promise<boolean> {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const onClose = () => {
      // The browser reports late: this may be the end of the previous question.
      if (dialog.open) return;
      dialog.removeEventListener("close", onClose);
      resolve(dialog.returnValue === "yes");
    };
    dialog.addEventListener("close", onClose);
  });
}

/** Asks for a confirmation. Returns whether it was given. */
export function confirmed({ title, text, yes }: Question): Promise<boolean> {
  setText(byId("confirm-title", HTMLElement), title);
  setText(byId("confirm-text", HTMLElement), text);
  setText(byId("confirm-yes", HTMLElement), yes);
  return open(byId("confirm", HTMLDialogElement));
}

let asking: Promise<boolean> | undefined;

/** Asks for the token, once for all requests that need it at the same time. */
function tokenGiven(why: string): Promise<boolean> {
  asking ??= (async () => {
    const input = byId("token-input", HTMLInputElement);
    setText(byId("token-text", HTMLElement), why);
    input.value = "";
    const given = await open(byId("token", HTMLDialogElement));
    if (given) keepToken(input.value.trim());
    input.value = "";
    return given;
  })().finally(() => asking = undefined);
  return asking;
}

/**
 * Does something that may need the token, and asks the user for it if shunt does.
 *
 * @param work What to do
 * @returns The result
 * @throws {Refused} if no token was given
 */
export async function withToken<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error;
      keepToken("");
      if (!await tokenGiven(error.message)) throw error;
    }
  }
}

/** Makes the dialogs work. */
export function setUpDialogs(): void {
  const dialog = byId("token", HTMLDialogElement);
  byId("token-cancel", HTMLButtonElement).addEventListener("click", () => dialog.close());
}
