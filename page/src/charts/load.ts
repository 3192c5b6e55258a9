// Loads the chart library apart from the page, so that the first paint does not wait for it.

type BarsModule = typeof import("./bars.ts");

const RETRY = 2_000; // ms

/** Loads the module, and retries while the service does not answer. */
export async function loadBars(): Promise<BarsModule> {
  try {
    return await import("./bars.ts");
  } catch {
    await new Promise((resolve) => setTimeout(resolve, RETRY));
    return loadBars();
  }
}
