// Light or dark: the system's, until the person chooses.

import { computed, effect, signal } from "@preact/signals";
import { remember, remembered } from "./storage.ts";

type Theme = "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");
const systemTheme = signal<Theme>(system.matches ? "dark" : "light");
system.addEventListener("change", () => {
  systemTheme.value = system.matches ? "dark" : "light";
});

const stored = remembered("theme");
const chosen = signal<Theme | null>(stored === "light" || stored === "dark" ? stored : null);

export const theme = computed<Theme>(() => chosen.value ?? systemTheme.value);

export function toggleTheme(): void {
  const wanted = theme.value === "dark" ? "light" : "dark";
  // back to what the system says is back to following it
  chosen.value = wanted === systemTheme.value ? null : wanted;
}

effect(() => {
  remember("theme", chosen.value);
  if (chosen.value) document.documentElement.dataset["theme"] = chosen.value;
  else delete document.documentElement.dataset["theme"];
});
