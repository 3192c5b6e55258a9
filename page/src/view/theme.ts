// Light or dark: the system's theme, unless the user chooses the other one.

import { computed, effect, signal } from "@preact/signals";
import { readStored, store } from "./storage.ts";

export type ThemeName = "light" | "dark";

export class Theme {
  readonly #system = signal<ThemeName>("light");
  readonly #chosen = signal<ThemeName | null>(null);
  readonly name = computed<ThemeName>(() => this.#chosen.value ?? this.#system.value);

  constructor() {
    const stored = readStored("theme");
    if (stored === "light" || stored === "dark") this.#chosen.value = stored;
  }

  toggle(): void {
    const other = this.name.value === "dark" ? "light" : "dark";
    // choosing the system's theme means following the system again
    this.#chosen.value = other === this.#system.value ? null : other;
  }

  /** Follows the system and applies the theme to the document. */
  start(document: Document, darkSystem: MediaQueryList): void {
    const follow = (): void => {
      this.#system.value = darkSystem.matches ? "dark" : "light";
    };
    follow();
    darkSystem.addEventListener("change", follow);
    effect(() => {
      const chosen = this.#chosen.value;
      store("theme", chosen);
      if (chosen) document.documentElement.dataset["theme"] = chosen;
      else delete document.documentElement.dataset["theme"];
    });
  }
}
